"""The operator's commands: facts, projections and dead letters of the running services, staff and signing keys."""

import typer

from igny8_local.operate import dead_letters, events, keys, projections, staff


def mount(app: typer.Typer) -> None:
    """Adds the groups of commands to the command line."""
    app.add_typer(events.app, name="events")
    app.add_typer(projections.app, name="projections")
    app.add_typer(dead_letters.app, name="dlq")
    app.add_typer(staff.app, name="staff")
    app.add_typer(keys.app, name="keys")
