"""Whether each notice was mailed once: the mail folder beside the facts that members wanted to be told of."""

from collections.abc import Iterable
from email.parser import BytesHeaderParser
from uuid import UUID

from common.ids import stable_id

from proving.evidence import Evidence

_WANTED = "SELECT account_id, user_id FROM notification_preferences WHERE kind = 'run_completed' AND email"
_COMPLETED = (
    "SELECT event_id, account_id FROM events WHERE type = 'RunFinished' AND data->>'outcome' = 'completed'"
)


def mailed_once(evidence: Evidence) -> Iterable[str]:
    """Whoever wants a mail of each completed run got one of each, and nobody another."""
    readers: dict[UUID, UUID] = {
        row["account_id"]: row["user_id"] for row in evidence.rows("gateway", _WANTED)
    }
    due: dict[str, str] = {}
    for row in evidence.rows("planner", _COMPLETED):
        if user := readers.get(row["account_id"]):
            notice = stable_id(row["event_id"], "notification")
            due[f"<{stable_id(notice, user)}@igny8>"] = f"the end of a run ({row['event_id']})"
    parse = BytesHeaderParser().parsebytes
    paths = evidence.stack.layout.mail.glob("*.eml")
    sent = {str(parse(path.read_bytes())["Message-ID"]): path for path in paths}
    for id, what in due.items():
        if id not in sent:
            yield f"{what} was never mailed"
    for id, path in sent.items():
        if id not in due:
            yield f"{path.name} ({id}) was mailed, and nobody was to be told"
