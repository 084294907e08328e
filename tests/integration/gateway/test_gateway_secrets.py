"""The secret store on a real PostgreSQL."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
import pytest
from common.contracts.gateway import SecretRef
from common.crypto import MasterKey
from common.ids import new_id
from common.secrets import PostgresSecrets, SecretMissing

from tests.support.database import ServiceUrls

MASTER = MasterKey(b"m" * 32)


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
    stranger = PostgresSecrets(urls.service, MasterKey(b"x" * 32))
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
