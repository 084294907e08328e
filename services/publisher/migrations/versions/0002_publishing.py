"""Integrations and publications."""

from alembic import op

revision = "0002"
down_revision = "0001"

ROW = """
    account_id uuid NOT NULL,
    site_id    uuid NOT NULL,
    version    integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
"""


def upgrade() -> None:
    op.execute(
        f"""CREATE TABLE integrations (
            integration_id uuid PRIMARY KEY, {ROW}
            platform text NOT NULL,
            url text NOT NULL,
            username text NOT NULL,
            connection text NOT NULL,
            site_title text,
            remote_version text,
            error_code text,
            error text,
            remedy text)"""
    )
    op.execute("CREATE INDEX integrations_by_site ON integrations (account_id, site_id)")
    op.execute(
        f"""CREATE TABLE publications (
            content_id uuid PRIMARY KEY, {ROW}
            title text NOT NULL,
            ordered_version integer NOT NULL,
            published_version integer,
            status text NOT NULL,
            run_id uuid,
            target text,
            external_id text,
            external_url text,
            published_at timestamptz,
            error_code text,
            error text,
            remedy text)"""
    )
    op.execute("CREATE INDEX publications_by_site ON publications (account_id, site_id, created_at)")
    for table in ("integrations", "publications"):
        op.execute(f"CALL guard_tenant('{table}')")
