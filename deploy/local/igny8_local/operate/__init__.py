"""The operator's commands: facts, projections, replicas and dead letters of the services, staff, keys and secrets."""

import typer

from igny8_local.operate import dead_letters, events, keys, projections, replicas, secrets, staff


def mount(app: typer.Typer) -> None:
    """Adds the groups of commands to the command line."""
    app.add_typer(events.app, name="events")
    app.add_typer(projections.app, name="projections")
    app.add_typer(replicas.app, name="replicas")
    app.add_typer(dead_letters.app, name="dlq")
    app.add_typer(staff.app, name="staff")
    app.add_typer(keys.app, name="keys")
    app.add_typer(secrets.app, name="secrets")
