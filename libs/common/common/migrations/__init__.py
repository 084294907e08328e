"""Database migrations: what every service's database starts from, and how Alembic runs."""
