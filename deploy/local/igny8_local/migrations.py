"""Brings every database to the schema of the installed code."""

import asyncio
import hashlib
import importlib.util
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from igny8_local.databases import Databases
from igny8_local.errors import StackError
from igny8_local.forked import Fork
from igny8_local.layout import REPOSITORY
from igny8_local.leash import leash
from igny8_local.services import SECRETS

MIGRATE = "common.migrate"
_AT_ONCE = 3  # each takes a processor for half a second, most of it imports


def digest(service: str) -> str:
    """A digest of everything a migration can depend on: the service's migrations and all of `common`."""
    folders = [REPOSITORY / "services" / service / "migrations"]
    if found := importlib.util.find_spec("common"):
        folders += [Path(location) for location in found.submodule_search_locations or ()]
    summary = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".sql", ".ini", ".mako"):
                summary.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return summary.hexdigest()[:32]


async def migrate(
    databases: Databases,
    applied: Mapping[str, str | None],
    command: Sequence[str],
    environment: Mapping[str, str],
    report: Callable[[str, str], None],
) -> None:
    """Runs `command SERVICE` (without one, `python -m common.migrate SERVICE`) for each database whose digest differs.

    Raises StackError when one fails.
    """
    wanted = {service: digest(service) for service in applied}
    behind = [service for service in applied if applied[service] != wanted[service]]
    slots = asyncio.Semaphore(_AT_ONCE)

    async def run(service: str) -> None:
        async with slots:
            report(f"migrate {service}", "starting")
            await _run(databases, service, command, environment)
            report(f"migrate {service}", "ready")

    results = await asyncio.gather(*(run(service) for service in behind), return_exceptions=True)
    done = [service for service, result in zip(behind, results, strict=True) if result is None]
    await asyncio.to_thread(databases.mark_migrated, {service: wanted[service] for service in done})
    for result in results:
        if result is not None:
            raise result


async def _run(
    databases: Databases, service: str, command: Sequence[str], environment: Mapping[str, str]
) -> None:
    roles = {
        "IGNY8_MIGRATION_DATABASE": databases.url(service, "owner"),
        "IGNY8_SERVICE_ROLE": databases.role(service, "service"),
    }
    if service != SECRETS:
        roles["IGNY8_RELAY_ROLE"] = databases.role(service, "relay")
    with tempfile.TemporaryFile() as output:
        if command:
            process: asyncio.subprocess.Process | Fork = await asyncio.create_subprocess_exec(
                *command,
                service,
                env={**environment, **roles},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=leash(),
            )
        else:
            told = {**environment, **roles}
            process = await Fork.start(
                MIGRATE, service, environment=told, directory=Path.cwd(), output=output.fileno()
            )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        output.seek(0)
        tail = "\n".join(output.read().decode(errors="replace").strip().splitlines()[-8:])
    if code:
        raise StackError(
            f"The migrations of {service} failed on the database {databases.name(service)}:\n{tail}"
        )
