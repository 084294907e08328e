"""What tasks hear: queued ideas become tasks."""

from common.contracts.planner import IdeaItem, IdeasQueued
from common.database import Transaction
from common.ids import stable_id
from common.messaging.envelope import Heard
from common.messaging.reactions import Reactions

from writer.tasks.decisions import TASK, CreateTask
from writer.tasks.events import TaskDetails

reactions = Reactions()


@reactions.on(IdeasQueued)
async def ideas_queued(event: Heard[IdeasQueued], tx: Transaction) -> None:
    queued = event.data
    for idea in queued.ideas:
        command = CreateTask(queued.site_id, queued.sector_id, _details(idea), queued.run_id)
        await tx.handle(TASK, stable_id(idea.idea_id), command)


def _details(idea: IdeaItem) -> TaskDetails:
    return TaskDetails(
        title=idea.title,
        description=idea.description,
        cluster_id=idea.cluster_id,
        idea_id=idea.idea_id,
        content_type=idea.content_type,
        content_structure=idea.content_structure,
        keywords=idea.target_keywords,
        word_count=idea.word_count,
    )
