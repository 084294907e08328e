"""What each service's `migrations/env.py` calls."""

from alembic import context


def run() -> None:
    """Run the migrations on the connection that `common.migrate` passes in, in its transaction."""
    context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()
