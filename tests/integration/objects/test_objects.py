"""Bodies by account: each has its own, also of the same bytes, and all of them go together."""

from pathlib import Path

import pytest
from common.ids import new_id
from common.objects import CHUNK, ObjectMissing, ObjectStore, open_store


@pytest.fixture(params=["directory", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return open_store("memory://" if request.param == "memory" else str(tmp_path / "objects"))


async def test_an_accounts_bodies_go_together_and_no_others(store: ObjectStore) -> None:
    one, other = store.of(new_id()), store.of(new_id())
    ref = await one.put(b"the same picture", "image/png")
    assert await other.put(b"the same picture", "image/png") == ref
    await one.put(b"another", "image/png")
    assert (await one.clear(), await one.clear()) == (2, 0)
    assert (await one.has(ref), await other.has(ref)) == (False, True)
    assert await other.get(ref) == b"the same picture"
    with pytest.raises(ObjectMissing, match="not in the store"):
        await one.get(ref)
    with pytest.raises(ValueError, match="account"):
        await store.clear()


async def test_a_file_comes_in_parts_as_it_was(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * (CHUNK // 64))
    objects = store.of(new_id())
    ref = await objects.put_file(path, "application/jsonl")
    assert ref == await objects.put(path.read_bytes(), "application/jsonl")
    parts = [part async for part in objects.stream(ref)]
    assert b"".join(parts) == path.read_bytes()
    await objects.delete(ref)
    await objects.delete(ref)
    assert not await objects.has(ref)


async def test_changed_bytes_are_noticed_at_the_end(tmp_path: Path) -> None:
    objects = open_store(str(tmp_path)).of(new_id())
    ref = await objects.put(b"as it was", "text/plain")
    [file] = tmp_path.rglob(ref.sha256)
    file.write_bytes(b"as it is not")
    with pytest.raises(ObjectMissing, match="do not match"):
        await objects.get(ref)
