"""A small sample of what `./igny8 prove --only logins` and `--only refreshes` do in full; and keys for all of a crowd."""

import asyncio

from common.ids import new_id
from common.secrets import MOST_CONNECTIONS, open_secrets
from psycopg.conninfo import conninfo_to_dict

from proving.crowds import log_in, refresh
from tests.integration.gateway.running import Gateway


async def test_all_of_a_crowd_get_in(gateway: Gateway) -> None:
    assert (await log_in(gateway, 16)).findings == []  # how long others wait says little on a busy machine


async def test_of_a_crowd_with_one_refresh_token_one_wins_and_the_family_ends(gateway: Gateway) -> None:
    assert (await refresh(gateway, 40)).findings == []


async def test_a_crowd_takes_no_more_connections_than_its_share(gateway: Gateway) -> None:
    store = open_secrets(gateway.runtime.settings)
    most = 0

    async def watch() -> None:
        nonlocal most
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %(name)s"
        name = conninfo_to_dict(gateway.runtime.settings.secrets_database)["dbname"]
        while True:
            async with gateway.runtime.database.transaction(None) as tx:
                most = max(most, int(await tx.scalar(query, {"name": name})))

    watching = asyncio.create_task(watch())
    keys = await asyncio.gather(*(store.data_key(new_id()) for _ in range(60)))
    watching.cancel()
    assert len({key.key for key in keys}) == 60
    assert 1 < most <= MOST_CONNECTIONS + 1  # one may still be closing
