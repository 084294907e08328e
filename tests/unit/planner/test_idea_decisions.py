"""What may be decided about ideas."""

from dataclasses import replace
from uuid import UUID

import msgspec
import pytest
from common.contracts.operations import Charge, Usage
from common.contracts.planner import IdeaItem, IdeaStatus
from common.database import MAX_MESSAGE_BYTES
from common.plan_limits import PlanLimitReached
from common.testing import given
from planner.ideas.decisions import (
    IDEAS,
    AddIdea,
    ArchiveIdea,
    EditIdea,
    FinishIdea,
    IdeaNotFound,
    IdeaStatusConflict,
    QueueIdeas,
    RecordIdeas,
)
from planner.ideas.events import (
    IdeaAdded,
    IdeaArchived,
    IdeaChanged,
    IdeaDone,
    IdeasGenerated,
    IdeasQueued,
)

SITE, SECTOR, CLUSTER, OPERATION, RUN = (UUID(int=n) for n in (1, 2, 3, 4, 5))
PLACE = {"site_id": SITE, "sector_id": SECTOR}
OUTCOME = {
    "operation_id": OPERATION,
    "item_id": CLUSTER,
    "usage": Usage(provider="local", model="local"),
    "charge": Charge(kind="ideas", units=1),
}


def idea(number: int, words: int = 900) -> IdeaItem:
    return IdeaItem(
        idea_id=UUID(int=100 + number),
        cluster_id=CLUSTER,
        title=f"Idea {number}",
        description="",
        content_type="post",
        content_structure="guide",
        target_keywords=("a",),
        word_count=words,
    )


ONE = idea(1)
ADDED = IdeaAdded(**PLACE, idea=ONE)
ARCHIVED = IdeaArchived(**PLACE, idea_id=ONE.idea_id)
GENERATED = IdeasGenerated(**PLACE, **OUTCOME, ideas=(ONE, idea(2)))  # type: ignore[arg-type]
QUEUED = IdeasQueued(**PLACE, ideas=(ONE,))
DONE = IdeaDone(**PLACE, idea=ONE)


def changed(item: IdeaItem, status: IdeaStatus = "new") -> IdeaChanged:
    return IdeaChanged(**PLACE, idea=item, status=status)


class TestRecording:
    def test_keeps_an_answer_once(self) -> None:
        command = RecordIdeas(**PLACE, **OUTCOME, ideas=(ONE, idea(2)))  # type: ignore[arg-type]
        given(IDEAS)().when(command).then(GENERATED)
        given(IDEAS)(GENERATED).when(command).then_nothing()

    def test_keeps_an_answer_that_the_plan_has_room_for(self) -> None:
        command = RecordIdeas(**PLACE, **OUTCOME, ideas=(ONE, idea(2)), used=3, limit=5)  # type: ignore[arg-type]
        given(IDEAS)().when(command).then(GENERATED)
        full = replace(command, used=4)
        given(IDEAS)().when(full).then_refused(PlanLimitReached, of="ideas", used=4, limit=5)
        given(IDEAS)(GENERATED).when(full).then_nothing()
        assert len(IDEAS.decide(replace(full, ideas=()), IDEAS.initial)) == 1


class TestByHand:
    def test_added_once(self) -> None:
        given(IDEAS)().when(AddIdea(SITE, SECTOR, ONE)).then(ADDED)
        given(IDEAS)(ADDED).when(AddIdea(SITE, SECTOR, ONE, 1, 1)).then_nothing()

    def test_added_where_the_plan_has_room(self) -> None:
        given(IDEAS)().when(AddIdea(SITE, SECTOR, ONE, 1, 2)).then(ADDED)
        full = AddIdea(SITE, SECTOR, ONE, 2, 2)
        given(IDEAS)().when(full).then_refused(PlanLimitReached, of="ideas", used=2, limit=2)

    def test_changed_where_it_differs(self) -> None:
        longer = msgspec.structs.replace(ONE, word_count=1_500)
        given(IDEAS)(ADDED).when(EditIdea(longer)).then(changed(longer))
        given(IDEAS)(ADDED).when(EditIdea(ONE, "new")).then_nothing()

    def test_rejected_and_taken_back(self) -> None:
        given(IDEAS)(ADDED).when(EditIdea(ONE, "rejected")).then(changed(ONE, "rejected"))
        given(IDEAS)(ADDED, changed(ONE, "rejected")).when(EditIdea(ONE, "new")).then(changed(ONE))

    @pytest.mark.parametrize("status", ["queued", "done"])
    def test_other_statuses_are_not_set_by_hand(self, status: IdeaStatus) -> None:
        given(IDEAS)(ADDED).when(EditIdea(ONE, status)).then_refused(IdeaStatusConflict)

    def test_archived_once_and_then_unknown(self) -> None:
        given(IDEAS)(ADDED).when(ArchiveIdea(ONE.idea_id)).then(ARCHIVED)
        given(IDEAS)(ADDED, ARCHIVED).when(ArchiveIdea(ONE.idea_id)).then_nothing()
        given(IDEAS)().when(ArchiveIdea(ONE.idea_id)).then_refused(IdeaNotFound)
        given(IDEAS)(ADDED, ARCHIVED).when(EditIdea(ONE)).then_refused(IdeaNotFound)


class TestQueueing:
    def test_queues_what_is_new_in_the_asked_length(self) -> None:
        command = QueueIdeas((ONE.idea_id, idea(2).idea_id, ONE.idea_id), RUN, word_count=400)
        given(IDEAS)(GENERATED, QUEUED).when(command).then(
            IdeasQueued(**PLACE, ideas=(idea(2, 400),), run_id=RUN)
        )
        given(IDEAS)(ADDED).when(QueueIdeas((ONE.idea_id,))).then(QUEUED)

    def test_many_long_ones_travel_in_parts(self) -> None:
        many = tuple(msgspec.structs.replace(idea(n), description="x" * 5_000) for n in range(60))
        added = [IdeaAdded(**PLACE, idea=item) for item in many]
        events = IDEAS.decide(
            QueueIdeas(tuple(item.idea_id for item in many), RUN), given(IDEAS)(*added).state
        )
        queued = [event for event in events if isinstance(event, IdeasQueued)]
        assert [item for event in queued for item in event.ideas] == list(many)
        assert {event.run_id for event in queued} == {RUN}
        assert len(queued) == 2
        assert all(len(msgspec.json.encode(event)) < MAX_MESSAGE_BYTES for event in queued)
        given(IDEAS)(*added, *queued).when(QueueIdeas((many[0].idea_id, many[-1].idea_id))).then_nothing()

    def test_what_is_queued_is_not_queued_again(self) -> None:
        given(IDEAS)(ADDED, QUEUED).when(QueueIdeas((ONE.idea_id,))).then_nothing()

    @pytest.mark.parametrize("facts", [(ADDED, changed(ONE, "rejected")), (ADDED, QUEUED, DONE)])
    def test_refuses_what_is_rejected_or_done(self, facts: tuple[IdeaAdded, ...]) -> None:
        given(IDEAS)(*facts).when(QueueIdeas((ONE.idea_id,))).then_refused(IdeaStatusConflict)


class TestFinishing:
    def test_a_queued_idea_is_done_once(self) -> None:
        given(IDEAS)(ADDED, QUEUED).when(FinishIdea(ONE.idea_id)).then(DONE)
        given(IDEAS)(ADDED, QUEUED, DONE).when(FinishIdea(ONE.idea_id)).then_nothing()
        given(IDEAS)().when(FinishIdea(ONE.idea_id)).then_refused(IdeaNotFound)
