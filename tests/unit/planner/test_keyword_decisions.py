"""What may be decided about keywords and their imports."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from common.contracts.operations import ObjectRef
from common.database import MAX_MESSAGE_BYTES
from common.eventsourcing.event import Event, Meta, Recorded
from common.plan_limits import PlanLimitReached
from common.testing import given
from planner.imports.decisions import IMPORT as IMPORT_DECIDER
from planner.imports.decisions import AcceptImport, FailImport, FinishImport, ImportUnknown
from planner.imports.events import (
    ImportAccepted,
    ImportFailed,
    ImportFinished,
    ImportResult,
    NoImport,
    evolve,
)
from planner.keywords.decisions import (
    KEYWORDS,
    AddKeywords,
    KeywordStatusConflict,
    KeywordTaken,
    MapKeywords,
    ReviseKeyword,
    SetStatus,
    UnmapKeywords,
)
from planner.keywords.events import Keyword, KeywordsAdded, KeywordsRemoved, KeywordsRevised
from planner.publish import publish

SITE, SECTOR, CLUSTER = (UUID(int=n) for n in (1, 2, 3))


def keyword(text: str, cluster: UUID | None = None) -> Keyword:
    return Keyword(
        keyword_id=UUID(int=1_000 + sum(text.encode())),
        keyword=text,
        normalised=text.lower(),
        status="mapped" if cluster else "new",
        cluster_id=cluster,
    )


def recorded(event: Event) -> Recorded[Event]:
    return Recorded(1, SITE, f"keywords-{SECTOR}", 1, SITE, event, Meta(), datetime.now(UTC))


class TestAdding:
    def test_adds_what_is_new_once(self) -> None:
        command = AddKeywords(SITE, SECTOR, (keyword("a"), keyword("B"), keyword("b")), frozenset({"a"}))
        given(KEYWORDS)().when(command).then(KeywordsAdded(SITE, SECTOR, (keyword("B"),)))

    def test_in_slices_of_500(self) -> None:
        many = tuple(keyword(f"k{n}") for n in range(1_001))
        sizes = [len(event.keywords) for event in KEYWORDS.decide(AddKeywords(SITE, SECTOR, many), None)]  # type: ignore[attr-defined]
        assert sizes == [500, 500, 1]

    def test_in_slices_that_fit_into_a_message_in_any_script(self) -> None:
        many = tuple(
            Keyword(
                keyword_id=UUID(int=n),
                keyword=f"{n:04}" + "掘" * 251,
                normalised=str(n),
                volume=10**12,
                difficulty=100,
                intent="informational",
                cluster_id=CLUSTER,
            )
            for n in range(1_000)
        )
        added = KEYWORDS.decide(AddKeywords(SITE, SECTOR, many), None)
        public = [publish(recorded(event)) for event in added]
        assert all(len(msgspec.json.encode(said)) < MAX_MESSAGE_BYTES for said in public)
        assert sum(len(event.keywords) for event in added if isinstance(event, KeywordsAdded)) == 1_000

    def test_nothing_new_is_nothing(self) -> None:
        command = AddKeywords(SITE, SECTOR, (keyword("a"),), frozenset({"a"}), used=1, limit=1)
        given(KEYWORDS)(KeywordsAdded(SITE, SECTOR, (keyword("a"),))).when(command).then_nothing()

    def test_all_of_them_where_the_plan_has_room_or_none(self) -> None:
        new = (keyword("a"), keyword("b"), keyword("c"))
        given(KEYWORDS)().when(
            AddKeywords(SITE, SECTOR, new, frozenset({"a"}), used=8, limit=9)
        ).then_refused(PlanLimitReached, of="keywords", used=8, limit=9)
        given(KEYWORDS)().when(AddKeywords(SITE, SECTOR, new, frozenset({"a"}), used=8, limit=10)).then(
            KeywordsAdded(SITE, SECTOR, (keyword("b"), keyword("c")))
        )


class TestRevising:
    def test_keeps_what_it_is_now(self) -> None:
        after = msgspec.structs.replace(keyword("a"), volume=5)
        command = ReviseKeyword(SITE, SECTOR, keyword("a"), after)
        given(KEYWORDS)().when(command).then(KeywordsRevised(SITE, SECTOR, (after,)))

    def test_refuses_a_text_that_is_taken(self) -> None:
        command = ReviseKeyword(SITE, SECTOR, keyword("a"), keyword("b"), frozenset({"b"}))
        given(KEYWORDS)().when(command).then_refused(KeywordTaken)

    def test_refuses_to_be_mapped_without_a_cluster(self) -> None:
        loose = msgspec.structs.replace(keyword("a"), status="mapped")
        given(KEYWORDS)().when(ReviseKeyword(SITE, SECTOR, keyword("a"), loose)).then_refused(
            KeywordStatusConflict
        )

    def test_no_change_is_nothing(self) -> None:
        given(KEYWORDS)().when(ReviseKeyword(SITE, SECTOR, keyword("a"), keyword("a"))).then_nothing()


class TestStatus:
    def test_archived_is_removed(self) -> None:
        command = SetStatus(SITE, SECTOR, (keyword("a"),), "archived")
        given(KEYWORDS)().when(command).then(KeywordsRemoved(SITE, SECTOR, (keyword("a").keyword_id,)))

    def test_new_leaves_the_cluster(self) -> None:
        both = (keyword("a"), keyword("b", CLUSTER))
        given(KEYWORDS)().when(SetStatus(SITE, SECTOR, both, "new")).then(
            KeywordsRevised(SITE, SECTOR, (keyword("b"),))
        )

    def test_mapped_needs_a_cluster(self) -> None:
        given(KEYWORDS)().when(SetStatus(SITE, SECTOR, (keyword("a"),), "mapped")).then_refused(
            KeywordStatusConflict
        )
        given(KEYWORDS)().when(SetStatus(SITE, SECTOR, (keyword("a", CLUSTER),), "mapped")).then_nothing()


class TestMapping:
    def test_only_what_waits_is_mapped(self) -> None:
        both = (keyword("a"), keyword("b", UUID(int=9)))
        given(KEYWORDS)().when(MapKeywords(SITE, SECTOR, both, (CLUSTER, CLUSTER))).then(
            KeywordsRevised(SITE, SECTOR, (keyword("a", CLUSTER),))
        )

    def test_what_is_in_no_cluster_needs_no_unmapping(self) -> None:
        both = (keyword("a"), keyword("b", CLUSTER))
        given(KEYWORDS)().when(UnmapKeywords(SITE, SECTOR, both)).then(
            KeywordsRevised(SITE, SECTOR, (keyword("b"),))
        )
        given(KEYWORDS)().when(UnmapKeywords(SITE, SECTOR, (keyword("a"),))).then_nothing()


ACCEPTED = ImportAccepted(SITE, SECTOR, "k.csv", ObjectRef(sha256="0" * 64, size=1, media_type="text/csv"))
RESULT = ImportResult(read=1, new=1, duplicates=0, failed=0, errors=())


class TestImports:
    def test_are_accepted_once(self) -> None:
        given(IMPORT_DECIDER)().when(AcceptImport(ACCEPTED)).then(ACCEPTED)
        given(IMPORT_DECIDER)(ACCEPTED).when(AcceptImport(ACCEPTED)).then_nothing()

    def test_end_once(self) -> None:
        given(IMPORT_DECIDER)(ACCEPTED).when(FinishImport(RESULT)).then(ImportFinished(RESULT))
        given(IMPORT_DECIDER)(ACCEPTED).when(FailImport("why")).then(ImportFailed("why"))
        for end in (ImportFinished(RESULT), ImportFailed("why")):
            given(IMPORT_DECIDER)(ACCEPTED, end).when(FinishImport(RESULT)).then_nothing()
            given(IMPORT_DECIDER)(ACCEPTED, end).when(FailImport("again")).then_nothing()

    @pytest.mark.parametrize("command", [FinishImport(RESULT), FailImport("why")])
    def test_end_only_what_was_uploaded(self, command: FinishImport | FailImport) -> None:
        given(IMPORT_DECIDER)().when(command).then_refused(ImportUnknown)
        assert evolve(NoImport(), ImportFailed("why")) == NoImport()
