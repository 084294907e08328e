"""Objects in a store that speaks S3: as on a disk."""

from collections.abc import Iterator

import pytest
from common.contracts.operations import ObjectRef
from common.objects import ObjectMissing, ObjectStore, open_store

from tests.parts.s3 import S3Server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with S3Server() as running:
        yield running


@pytest.fixture
def store(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """As a service opens it: from its environment."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return open_store(server.environment["IGNY8_OBJECTS"] + "/bodies")


async def test_what_is_put_is_got_and_kept_once(store: ObjectStore, server: S3Server) -> None:
    ref = await store.put(b"body", "text/plain")
    assert await store.put(b"body", "text/plain") == ref
    assert await store.get(ref) == b"body"
    assert [name for name in server.names() if ref.sha256 in name] == [
        f"bodies/{ref.sha256[:2]}/{ref.sha256[2:4]}/{ref.sha256}"
    ]


async def test_what_is_not_there_is_named(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing, match="not in the store"):
        await store.get(ObjectRef(sha256="0" * 64, size=1, media_type="text/plain"))


async def test_changed_bytes_are_noticed(store: ObjectStore, server: S3Server) -> None:
    ref = await store.put(b"as it was", "text/plain")
    [name] = [name for name in server.names() if ref.sha256 in name]
    server.overwrite(name, b"as it is not")
    with pytest.raises(ObjectMissing, match="do not match"):
        await store.get(ref)
