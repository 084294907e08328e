"""Bodies too large for events (articles' images, imports, exports): each account's own, named by the hash of their bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from obstore.store import LocalStore, MemoryStore, S3Store

from common.contracts.operations import ObjectRef

CHUNK = 256 * 1024
"""Bytes that are in memory at once where a body is streamed."""


class ObjectMissing(Exception):
    """The store has no such body, or what it has is no longer the body that was put there."""

    def __init__(self, sha256: str, reason: str) -> None:
        super().__init__(f"object {sha256}: {reason}")
        self.sha256 = sha256


class ObjectStore:
    """Content-addressed bodies on an obstore back end; use `open_store` to make one, and `of` for an account's part of it."""

    def __init__(self, backend: LocalStore | MemoryStore | S3Store, folder: str = "") -> None:
        self._backend = backend
        self._folder = folder

    def of(self, account_id: UUID) -> ObjectStore:
        """The bodies of one account: no reference leads to another's, and all of them can be removed together."""
        return ObjectStore(self._backend, f"{account_id}/")

    async def put(self, data: bytes, media_type: str) -> ObjectRef:
        """Keep `data`; the same bytes always give the same reference.

        Writing is atomic: a reader sees the whole body or none, also when two writers race or one dies.
        """
        ref = ObjectRef(sha256=hashlib.sha256(data).hexdigest(), size=len(data), media_type=media_type)
        await self._backend.put_async(self._key(ref.sha256), data, attributes=self._attributes(media_type))
        return ref

    async def put_file(self, path: Path, media_type: str) -> ObjectRef:
        """The same for a file of any size, in constant memory."""
        sha256 = await asyncio.to_thread(_sha256, path)
        ref = ObjectRef(sha256=sha256, size=path.stat().st_size, media_type=media_type)
        await self._backend.put_async(self._key(ref.sha256), path, attributes=self._attributes(media_type))
        return ref

    async def get(self, ref: ObjectRef) -> bytes:
        """The body named by `ref`. Raises ObjectMissing when it is absent or its bytes have changed."""
        return b"".join([chunk async for chunk in self.stream(ref)])

    async def stream(self, ref: ObjectRef) -> AsyncIterator[bytes]:
        """The body in parts. Raises ObjectMissing: at once where it is absent, at its end where its bytes have changed."""
        try:
            result = await self._backend.get_async(self._key(ref.sha256))
        except FileNotFoundError:
            raise ObjectMissing(ref.sha256, "not in the store") from None
        digest = hashlib.sha256()
        async for part in result.stream(min_chunk_size=CHUNK):
            chunk = bytes(part)
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != ref.sha256:
            raise ObjectMissing(ref.sha256, "its bytes do not match its hash")

    async def has(self, ref: ObjectRef) -> bool:
        """Whether a body is there; what it is, only reading it tells."""
        try:
            await self._backend.head_async(self._key(ref.sha256))
        except FileNotFoundError:
            return False
        return True

    async def delete(self, ref: ObjectRef) -> None:
        """Nothing happens where it is gone already."""
        await self._delete([self._key(ref.sha256)])

    async def clear(self) -> int:
        """Remove all bodies of an account's part; returns how many it were. Raises ValueError for the whole store."""
        if not self._folder:
            raise ValueError("only an account's bodies may be removed together")
        removed = 0
        async for batch in self._backend.list(prefix=self._folder):
            await self._delete([found["path"] for found in batch])
            removed += len(batch)
        return removed

    async def _delete(self, keys: list[str]) -> None:
        for key in keys:
            try:
                await self._backend.delete_async(key)
            except FileNotFoundError:  # somebody else was faster
                continue

    def _key(self, sha256: str) -> str:
        return f"{self._folder}{sha256[:2]}/{sha256[2:4]}/{sha256}"

    def _attributes(self, media_type: str) -> dict[str, str] | None:
        # A file system keeps no media type: it travels in the reference, and in S3 also on the object.
        return None if isinstance(self._backend, LocalStore) else {"Content-Type": media_type}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
