"""Reading an uploaded file into its sector, some thousand rows a transaction."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from uuid import UUID

import msgspec
from common.api.runtime import RuntimeOf
from common.contracts.control import Phase, ProgressReported
from common.database import Transaction
from common.ids import stable_id
from common.jobs.job import IMPORT as IMPORT_PRIORITY
from common.jobs.job import Job
from common.jobs.worker import GiveUp, JobHandler, Work
from common.objects import ObjectMissing
from common.replicas import limits

from planner.imports.decisions import IMPORT, FailImport, FinishImport
from planner.imports.events import Import, ImportAccepted, ImportResult, RowFault
from planner.keyword_files import (
    KeywordFile,
    KeywordFileRefused,
    KeywordRow,
    RowError,
    normalise,
    read_keywords,
)
from planner.keywords import views
from planner.keywords.decisions import AddKeywords
from planner.keywords.events import Keyword

# Reading and writing 100,000 rows takes about a minute on a busy machine; ten are for a database under load.
READ_FILE = Job("import_keywords", time_limit=600, priority=IMPORT_PRIORITY)
ROWS_A_TRANSACTION = 2_000
"""Small enough that others of the account wait less than a second for their turn."""
MOST_ERRORS = 1_000


def handler(runtime: RuntimeOf) -> JobHandler:
    """The job `READ_FILE`."""
    return JobHandler(READ_FILE, _Reading(runtime).run, _Reading(runtime).give_up)


class _Reading:
    def __init__(self, runtime: RuntimeOf) -> None:
        self._runtime = runtime

    async def run(self, work: Work) -> None:
        import_id = UUID(work.arguments["import_id"])
        async with self._runtime.database.transaction(work.account_id) as tx:
            state, _ = await tx.load(IMPORT, import_id)
        if not isinstance(state, Import) or state.ended:
            return
        accepted = state.accepted
        try:
            body = await self._runtime.objects.of(work.account_id).get(accepted.file)
        except ObjectMissing as error:
            raise GiveUp(f"{accepted.filename} is no longer in the object store: upload it again") from error
        with tempfile.TemporaryDirectory(prefix="igny8-import-") as directory:
            path = Path(directory) / "upload"
            await asyncio.to_thread(path.write_bytes, body)
            del body
            try:
                file = await asyncio.to_thread(read_keywords, path, filename=accepted.filename)
            except KeywordFileRefused as error:
                raise GiveUp(error.message) from error
            result = await self._read(work, import_id, accepted, file)

        async def finish(tx: Transaction) -> None:
            await tx.handle(IMPORT, import_id, FinishImport(result))

        await self._runtime.database.run(work.account_id, finish, work.meta)
        await self._report(work, import_id, "Completed", 100)

    async def _read(
        self, work: Work, import_id: UUID, accepted: ImportAccepted, file: KeywordFile
    ) -> ImportResult:
        rows, new, known, errors, failed = iter(file), 0, 0, list[RowFault](), 0
        while batch := await asyncio.to_thread(_next, rows):
            keywords = {_keyword(import_id, row): row.line for row in batch if isinstance(row, KeywordRow)}
            added, left_out, limit = await self._add(work, accepted, tuple(keywords))
            faults = [_fault(row) for row in batch if isinstance(row, RowError)]
            faults += [_above(limit, keywords[keyword], keyword) for keyword in left_out]
            new, known = new + added, known + len(keywords) - added - len(left_out)
            failed += len(faults)
            errors += faults[: MOST_ERRORS - len(errors)]
            done = file.tally.keywords + file.tally.duplicates + file.tally.errors
            await self._report(work, import_id, "Processing", 100 * done // max(file.report.rows, 1))
        return ImportResult(
            read=new + known + failed + file.tally.duplicates,
            new=new,
            duplicates=known + file.tally.duplicates,
            failed=failed,
            errors=tuple(errors),
            warnings=(*file.report.warnings, *_left_out(file.report.ignored)),
        )

    async def _add(
        self, work: Work, accepted: ImportAccepted, keywords: tuple[Keyword, ...]
    ) -> tuple[int, tuple[Keyword, ...], int | None]:
        """How many of the keywords this import brought into the sector, in this attempt or an earlier one, those for
        which the account's plan has no room, and what it allows."""

        async def add(tx: Transaction) -> tuple[int, tuple[Keyword, ...], int | None]:
            await tx.lock()
            taken = await views.taken(tx, accepted.sector_id, [keyword.normalised for keyword in keywords])
            used, limit = await limits.room(tx, "keywords", views.keywords)
            new = tuple(keyword for keyword in keywords if keyword.normalised not in taken)
            fit = len(new) if limit is None else max(0, limit - used)
            command = AddKeywords(
                accepted.site_id, accepted.sector_id, new[:fit], frozenset(taken), used, limit
            )
            await views.change(tx, accepted.sector_id, command)
            earlier = sum(taken.get(k.normalised) == k.keyword_id for k in keywords)
            return earlier + len(new[:fit]), new[fit:], limit

        return await self._runtime.database.run(work.account_id, add, work.meta)

    async def give_up(self, work: Work, error: BaseException) -> None:
        import_id = UUID(work.arguments["import_id"])

        async def fail(tx: Transaction) -> None:
            await tx.handle(IMPORT, import_id, FailImport(str(error) or type(error).__name__))

        await self._runtime.database.run(work.account_id, fail, work.meta)
        await self._report(work, import_id, "Failed", 100)

    async def _report(self, work: Work, import_id: UUID, phase: Phase, percent: int) -> None:
        report = ProgressReported(
            operation_id=import_id, function="import_csv", phase=phase, item=1, items=1, percent=percent
        )
        await self._runtime.producer.offer(report, work.account_id)


def _left_out(headers: Sequence[str]) -> tuple[str, ...]:
    return (f"Columns without use were left out: {', '.join(headers)}.",) if headers else ()


def _next(rows: Iterator[KeywordRow | RowError]) -> list[KeywordRow | RowError]:
    return list(islice(rows, ROWS_A_TRANSACTION))


def _keyword(import_id: UUID, row: KeywordRow) -> Keyword:
    """The same id in every attempt at the import: that is how an attempt knows what an earlier one has done."""
    normalised = normalise(row.keyword)
    return Keyword(
        keyword_id=stable_id(import_id, normalised),
        keyword=row.keyword,
        normalised=normalised,
        volume=row.volume,
        difficulty=row.difficulty,
        intent=None if row.intent is None else row.intent.value,
        cpc=row.cpc,
        locale=row.locale,
        source=row.source.value,
        volume_estimated=row.volume_estimated,
    )


def _above(limit: int | None, line: int, keyword: Keyword) -> RowFault:
    reason = (
        f"The plan allows {limit} keywords. Archive some, or choose a larger plan, and import the file again."
    )
    return RowFault(line=line, column=None, value=keyword.keyword, reason=reason)


def _fault(error: RowError) -> RowFault:
    return msgspec.convert(error, RowFault, from_attributes=True)
