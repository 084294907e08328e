"""Bodies too large for events (articles' images, imports): kept once each, named by the hash of their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, MemoryStore, S3Store

from common.contracts.operations import ObjectRef


class ObjectMissing(Exception):
    """The store has no such body, or what it has is no longer the body that was put there."""

    def __init__(self, sha256: str, reason: str) -> None:
        super().__init__(f"object {sha256}: {reason}")
        self.sha256 = sha256


class ObjectStore:
    """Content-addressed bodies on an obstore back end; use `open_store` to make one."""

    def __init__(self, backend: LocalStore | MemoryStore | S3Store) -> None:
        self._backend = backend

    async def put(self, data: bytes, media_type: str) -> ObjectRef:
        """Keep `data`; the same bytes always give the same reference.

        Writing is atomic: a reader sees the whole body or none, also when two writers race or one dies.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        # A file system keeps no media type: it travels in the reference, and in S3 also on the object.
        attributes = None if isinstance(self._backend, LocalStore) else {"Content-Type": media_type}
        await self._backend.put_async(_key(sha256), data, attributes=attributes)
        return ObjectRef(sha256=sha256, size=len(data), media_type=media_type)

    async def get(self, ref: ObjectRef) -> bytes:
        """The body named by `ref`. Raises ObjectMissing when it is absent or its bytes have changed."""
        try:
            result = await self._backend.get_async(_key(ref.sha256))
        except FileNotFoundError:
            raise ObjectMissing(ref.sha256, "not in the store") from None
        data = bytes(await result.bytes_async())
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise ObjectMissing(ref.sha256, "its bytes do not match its hash")
        return data


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def open_store(url: str, **s3: Any) -> ObjectStore:
    """A store at a directory, a `file://` URL, `memory://`, or `s3://bucket/prefix`.

    `s3` takes obstore's S3Config options (endpoint, access_key_id, secret_access_key, region, ...).
    Raises ValueError for any other scheme.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        if str(s3.get("endpoint", "")).startswith("http://"):
            s3.setdefault("client_options", {"allow_http": True})
        return ObjectStore(S3Store(parts.netloc, prefix=parts.path.strip("/") or None, **s3))
    if parts.scheme == "memory":
        return ObjectStore(MemoryStore())
    if parts.scheme not in ("", "file"):
        raise ValueError(f"object store URL {url!r}: use a directory, file://, s3:// or memory://")
    path = Path(unquote(parts.path) if parts.scheme else url)
    return ObjectStore(LocalStore(str(path.absolute()), mkdir=True))
