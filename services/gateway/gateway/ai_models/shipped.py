"""The catalogue that comes with the product, put in place at each start."""

from importlib.resources import files

import msgspec
from common.database import Database, Transaction
from common.ids import SYSTEM_ACCOUNT

from gateway.ai_models.decisions import MODELS, ShipModels
from gateway.ai_models.events import Model


def shipped_models() -> dict[str, Model]:
    """By name; prices are their makers' lists, in millionths of a US dollar."""
    rows = msgspec.json.decode((files("gateway.ai_models") / "shipped.json").read_bytes())
    return {row.pop("name"): msgspec.convert(row, Model) for row in rows}


async def ship_models(database: Database) -> None:
    """Once per version of the file; staff's own changes stay."""

    async def work(tx: Transaction) -> None:
        await tx.handle(MODELS, SYSTEM_ACCOUNT, ShipModels(shipped_models()))

    await database.run(SYSTEM_ACCOUNT, work)
