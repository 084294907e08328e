"""The secret store on a real PostgreSQL."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic
from uuid import UUID

import psycopg
import pytest
from common.contracts.gateway import SecretRef
from common.crypto import MasterKey, MasterKeyInvalid, MasterKeys
from common.ids import new_id
from common.operate import OperatorError
from common.operate.secrets import ROTATION_LOCK, Rotation, rotate
from common.secrets import KEY_CACHE_SECONDS, KeyFile, PostgresSecrets, SecretMissing
from igny8_local.operate.secrets import app
from typer.testing import CliRunner

from tests.support.database import ServiceUrls

MASTER = MasterKeys(MasterKey(b"m" * 32))


@pytest.fixture(scope="module")
def urls(service_database: Callable[[str], AbstractContextManager[ServiceUrls]]) -> Iterator[ServiceUrls]:
    with service_database("secrets") as found:
        yield found


@pytest.fixture
def store(urls: ServiceUrls) -> PostgresSecrets:
    return PostgresSecrets(urls.service, MASTER)


async def test_gives_back_what_was_put_to_its_account_only(store: PostgresSecrets) -> None:
    account = new_id()
    ref = await store.put(account, "geheim")
    assert await store.get(account, ref) == "geheim"
    with pytest.raises(SecretMissing):
        await store.get(new_id(), ref)
    with pytest.raises(SecretMissing):
        await store.get(account, SecretRef(secret_id=ref.secret_id, version=2))


async def test_racing_changes_of_one_secret_get_versions_of_their_own(store: PostgresSecrets) -> None:
    account = new_id()
    first = await store.put(account, "0")
    later = await asyncio.gather(*(store.put(account, str(n), first.secret_id) for n in range(1, 6)))
    assert sorted(ref.version for ref in later) == [2, 3, 4, 5, 6]
    assert await store.get(account, first) == "0"
    assert sorted([await store.get(account, ref) for ref in later]) == ["1", "2", "3", "4", "5"]


async def test_racing_first_uses_share_one_data_key(urls: ServiceUrls) -> None:
    account = new_id()
    keys = await asyncio.gather(*(PostgresSecrets(urls.service, MASTER).data_key(account) for _ in range(8)))
    assert len({key.key for key in keys}) == 1


async def test_a_data_key_is_not_kept_beyond_its_time(
    store: PostgresSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = new_id(), new_id()
    await store.data_key(one)
    later = monotonic() + KEY_CACHE_SECONDS + 1
    monkeypatch.setattr("common.secrets.monotonic", lambda: later)
    await store.data_key(other)
    assert store._cache.keys() == {other}


async def test_erasure_is_for_good(store: PostgresSecrets) -> None:
    account = new_id()
    ref = await store.put(account, "geheim")
    await store.erase(account)
    for call in (store.get(account, ref), store.put(account, "again"), store.data_key(account)):
        with pytest.raises(SecretMissing):
            await call


async def test_another_master_key_opens_nothing(urls: ServiceUrls, store: PostgresSecrets) -> None:
    account = new_id()
    ref = await store.put(account, "geheim")
    stranger = PostgresSecrets(urls.service, MasterKeys(MasterKey(b"x" * 32)))
    for call in (stranger.get(account, ref), stranger.data_key(account)):
        with pytest.raises(SecretMissing):
            await call
    with pytest.raises(SecretMissing, match="IGNY8_MASTER_KEY"):
        await PostgresSecrets(urls.service, None).get(account, ref)


async def test_a_ciphertext_moved_to_another_secret_does_not_open(
    urls: ServiceUrls, store: PostgresSecrets
) -> None:
    account = new_id()
    one, two = await store.put(account, "one"), await store.put(account, "two")
    with psycopg.connect(urls.owner) as connection:
        connection.execute(
            "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE secret_id = %s) WHERE secret_id = %s",
            (one.secret_id, two.secret_id),
        )
    with pytest.raises(SecretMissing):
        await store.get(account, two)


async def test_without_a_tenant_no_row_is_seen_and_nothing_is_plain(
    urls: ServiceUrls, store: PostgresSecrets
) -> None:
    await store.put(new_id(), "very-plain-text")
    with psycopg.connect(urls.service) as connection:
        for table in ("secrets", "data_keys"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    with psycopg.connect(urls.owner) as connection:
        rows = connection.execute("SELECT sealed FROM secrets").fetchall()
    assert rows
    assert not any(b"very-plain-text" in bytes(row[0]) for row in rows)


def key_file(folder: Path, *keys: bytes) -> Path:
    path = folder / "master.key"
    path.write_text("".join(f"{base64.b64encode(key).decode()}\n" for key in keys))
    return path


def rotated(urls: ServiceUrls, path: Path) -> Rotation:
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        return rotate(connection, path)


class TestRotation:
    @pytest.fixture
    def fresh(
        self, service_database: Callable[[str], AbstractContextManager[ServiceUrls]]
    ) -> Iterator[ServiceUrls]:
        with service_database("secrets") as found:
            yield found

    async def test_reads_and_writes_go_on(self, fresh: ServiceUrls, tmp_path: Path) -> None:
        """Two services at work on accounts old and new, three rotations, and an account erased meanwhile."""
        path = key_file(tmp_path, b"1" * 32)
        services = [PostgresSecrets(fresh.service, KeyFile(path)) for _ in range(2)]
        accounts = [new_id() for _ in range(8)]
        refs = {account: await services[0].put(account, f"{account} 0") for account in accounts}
        erased = new_id()
        await services[0].put(erased, "gone")
        newest: dict[UUID, tuple[SecretRef, str]] = {a: (refs[a], f"{a} 0") for a in accounts}
        ended, turned = asyncio.Event(), asyncio.Event()

        async def work(service: PostgresSecrets, mine: list[UUID]) -> None:
            number = 0
            while not ended.is_set():
                number += 1
                for account in (*mine, new_id()):
                    ref, text = newest.get(account, (None, ""))
                    if ref is not None:
                        assert await service.get(account, ref) == text
                    text = f"{account} {number}"
                    newest[account] = await service.put(account, text, ref.secret_id if ref else None), text
                turned.set()

        done = []
        async with asyncio.TaskGroup() as group:
            for n, service in enumerate(services):
                group.create_task(work(service, accounts[n::2]))
            for number in range(3):
                done.append(await asyncio.to_thread(rotated, fresh, path))
                if number == 1:
                    await services[1].erase(erased)
                turned.clear()
                await turned.wait()
            ended.set()
        assert all(each.rewrapped >= len(accounts) for each in done)
        reader = PostgresSecrets(fresh.service, KeyFile(path))
        for account, (ref, text) in newest.items():
            assert await reader.get(account, ref) == text
        with pytest.raises(SecretMissing):
            await reader.data_key(erased)
        rotated(fresh, path)
        only = PostgresSecrets(fresh.service, MasterKeys.parse(path.read_text().splitlines()[0]))
        for account, (ref, text) in newest.items():
            assert await only.get(account, ref) == text

    async def test_keeps_an_earlier_key_only_as_long_as_it_may_be_needed(
        self, fresh: ServiceUrls, tmp_path: Path
    ) -> None:
        path = key_file(tmp_path, b"2" * 32, b"1" * 32)
        account = new_id()
        ref = await PostgresSecrets(fresh.service, MasterKeys(MasterKey(b"1" * 32))).put(account, "geheim")
        first = rotated(fresh, path)
        assert first.kept == (MasterKey(b"2" * 32).id, MasterKey(b"1" * 32).id)
        second = rotated(fresh, path)
        assert (second.kept, len(second.dropped)) == ((first.current,), 2)
        assert len(path.read_text().splitlines()) == 2
        try:
            read = await PostgresSecrets(fresh.service, KeyFile(path)).get(account, ref)
        except SecretMissing as error:
            read = str(error)
        assert read == "geheim"

    async def test_runs_once_at_a_time(self, fresh: ServiceUrls, tmp_path: Path) -> None:
        path = key_file(tmp_path, b"1" * 32)
        before = path.read_bytes()
        with (
            psycopg.connect(fresh.owner, autocommit=True) as other,
            psycopg.connect(fresh.owner, autocommit=True) as connection,
        ):
            other.execute("SELECT pg_advisory_lock(%s)", (ROTATION_LOCK,))
            with pytest.raises(OperatorError, match="Another rotation"):
                rotate(connection, path)
            assert path.read_bytes() == before
            other.execute("SELECT pg_advisory_unlock(%s)", (ROTATION_LOCK,))
            assert len(rotate(connection, path).kept) == 1
            assert len(rotate(connection, path).kept) == 1, "the lock is given back"

    async def test_changes_nothing_where_a_key_is_missing(self, fresh: ServiceUrls, tmp_path: Path) -> None:
        await PostgresSecrets(fresh.service, MASTER).put(new_id(), "geheim")
        path = key_file(tmp_path, b"1" * 32)
        before = path.read_text()
        with pytest.raises(OperatorError, match=MASTER.current.id):
            rotated(fresh, path)
        assert path.read_text() == before
        with pytest.raises(OperatorError, match="no master keys"):
            rotated(fresh, tmp_path / "none")

    def test_a_file_that_is_spoilt_later_leaves_the_keys_that_were_read(self, tmp_path: Path) -> None:
        path = key_file(tmp_path, b"1" * 32)
        file = KeyFile(path)
        path.write_text("spoilt")
        assert file.keys().current == MasterKey(b"1" * 32)
        with pytest.raises(MasterKeyInvalid):
            KeyFile(path)

    def test_is_a_command(self, fresh: ServiceUrls, tmp_path: Path) -> None:
        path = key_file(tmp_path, b"1" * 32)
        options = ["--database", fresh.owner, "--key-file", str(path), "--json"]
        said = CliRunner().invoke(app, ["rotate", *options])
        assert said.exit_code == 0, said.output
        assert json.loads(said.stdout)["current"] == MasterKeys.parse(path.read_text()).current.id
