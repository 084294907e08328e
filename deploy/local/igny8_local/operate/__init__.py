"""The operator's commands: facts, projections, dead letters and secrets of the running services."""

import typer

from igny8_local.operate import dead_letters, events, projections, secrets


def mount(app: typer.Typer) -> None:
    """Adds the groups `events`, `projections`, `dlq` and `secrets` to the command line."""
    app.add_typer(events.app, name="events")
    app.add_typer(projections.app, name="projections")
    app.add_typer(dead_letters.app, name="dlq")
    app.add_typer(secrets.app, name="secrets")
