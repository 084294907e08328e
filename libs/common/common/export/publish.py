"""The public form of a part's facts."""

from common.contracts import Contract
from common.contracts.export import ExportPartFailed, ExportPartReady
from common.eventsourcing.event import Event
from common.export.events import ExportPartGivenUp, ExportPartWritten


def publish_part(event: Event) -> Contract | None:
    """For a service's own `publish`; None for what is no part's fact."""
    match event:
        case ExportPartWritten(export_id, part):
            return ExportPartReady(export_id=export_id, part=part)
        case ExportPartGivenUp(export_id, reason):
            return ExportPartFailed(export_id=export_id, reason=reason)
        case _:
            return None
