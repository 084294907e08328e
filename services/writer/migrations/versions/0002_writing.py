"""Tasks, content, images, terms and the replica of clusters."""

from alembic import op

revision = "0002"
down_revision = "0001"

RESOURCE = """
    account_id uuid NOT NULL,
    site_id    uuid NOT NULL,
    sector_id  uuid NOT NULL,
    version    integer NOT NULL,
    archived   boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
"""


def upgrade() -> None:
    op.execute(
        f"""CREATE TABLE tasks (
            task_id uuid PRIMARY KEY, {RESOURCE}
            title text NOT NULL,
            description text NOT NULL,
            cluster_id uuid NOT NULL,
            idea_id uuid,
            content_type text NOT NULL,
            content_structure text NOT NULL,
            keywords jsonb NOT NULL,
            word_count integer NOT NULL,
            status text NOT NULL,
            content_id uuid,
            error_code text,
            error text)"""
    )
    op.execute("CREATE INDEX tasks_by_sector ON tasks (account_id, site_id, sector_id, created_at)")
    op.execute(
        f"""CREATE TABLE content (
            content_id uuid PRIMARY KEY, {RESOURCE}
            task_id uuid NOT NULL,
            cluster_id uuid NOT NULL,
            content_type text NOT NULL,
            content_structure text NOT NULL,
            text_version integer NOT NULL,
            status text NOT NULL,
            approved_version integer,
            published_version integer,
            title text NOT NULL,
            slug text NOT NULL,
            excerpt text NOT NULL,
            meta_title text NOT NULL,
            meta_description text NOT NULL,
            primary_keyword text NOT NULL,
            secondary_keywords jsonb NOT NULL,
            tags jsonb NOT NULL,
            categories jsonb NOT NULL,
            word_count integer NOT NULL,
            html text,
            object jsonb,
            external_id text,
            external_url text,
            error_code text,
            error text)"""
    )
    op.execute("CREATE INDEX content_by_sector ON content (account_id, site_id, sector_id, created_at)")
    op.execute(
        """CREATE TABLE content_versions (
            account_id uuid NOT NULL,
            content_id uuid NOT NULL,
            text_version integer NOT NULL,
            title text NOT NULL,
            word_count integer NOT NULL,
            html text,
            object jsonb,
            actor text NOT NULL,
            created_at timestamptz NOT NULL,
            PRIMARY KEY (content_id, text_version))"""
    )
    op.execute("CREATE INDEX content_versions_by_account ON content_versions (account_id, content_id)")
    op.execute(
        f"""CREATE TABLE images (
            image_id uuid PRIMARY KEY, {RESOURCE}
            content_id uuid NOT NULL,
            image_type text NOT NULL,
            prompt text NOT NULL,
            alt_text text NOT NULL,
            position integer NOT NULL,
            status text NOT NULL,
            object jsonb,
            error_code text,
            error text)"""
    )
    op.execute("CREATE INDEX images_by_content ON images (account_id, content_id)")
    op.execute(
        f"""CREATE TABLE terms (
            term_id uuid PRIMARY KEY, {RESOURCE}
            taxonomy text NOT NULL,
            name text NOT NULL,
            slug text NOT NULL)"""
    )
    op.execute("CREATE UNIQUE INDEX terms_by_slug ON terms (account_id, site_id, taxonomy, slug)")
    op.execute(
        """CREATE TABLE replica_clusters (
            account_id uuid NOT NULL,
            cluster_id uuid PRIMARY KEY,
            sector_id uuid NOT NULL,
            name text NOT NULL,
            archived boolean NOT NULL,
            said_at timestamptz NOT NULL)"""
    )
    op.execute("CREATE INDEX replica_clusters_by_sector ON replica_clusters (account_id, sector_id)")
    for table in ("tasks", "content", "content_versions", "images", "terms", "replica_clusters"):
        op.execute(f"CALL guard_tenant('{table}')")
    # The file of an image is asked for by people without an account: its id is all they have to know.
    op.execute(
        """CREATE FUNCTION image_file(wanted uuid) RETURNS TABLE (object jsonb)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
            SELECT i.object FROM images i
            WHERE i.image_id = wanted AND i.object IS NOT NULL AND NOT i.archived
        $$"""
    )
