"""Keywords, imports, clusters, ideas, pipeline runs and the replica of tasks."""

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
        f"""CREATE TABLE keywords (
            keyword_id uuid PRIMARY KEY, {RESOURCE}
            keyword text NOT NULL,
            normalised text NOT NULL,
            volume bigint,
            difficulty integer,
            intent text,
            status text NOT NULL,
            cluster_id uuid,
            cpc text,
            locale text,
            source text,
            volume_estimated boolean NOT NULL)"""
    )
    op.execute(
        "CREATE UNIQUE INDEX keywords_unique ON keywords (account_id, sector_id, normalised) WHERE NOT archived"
    )
    op.execute("CREATE INDEX keywords_by_sector ON keywords (account_id, site_id, sector_id, created_at)")
    op.execute("CREATE INDEX keywords_by_cluster ON keywords (account_id, cluster_id)")
    op.execute(
        f"""CREATE TABLE imports (
            import_id uuid PRIMARY KEY, {RESOURCE}
            filename text NOT NULL,
            status text NOT NULL,
            reason text,
            result jsonb)"""
    )
    op.execute("CREATE INDEX imports_by_account ON imports (account_id, created_at)")
    op.execute(
        f"""CREATE TABLE clusters (
            cluster_id uuid PRIMARY KEY, {RESOURCE}
            name text NOT NULL,
            description text NOT NULL)"""
    )
    op.execute("CREATE INDEX clusters_by_sector ON clusters (account_id, site_id, sector_id, created_at)")
    op.execute(
        f"""CREATE TABLE ideas (
            idea_id uuid PRIMARY KEY, {RESOURCE}
            cluster_id uuid NOT NULL,
            number integer NOT NULL,
            title text NOT NULL,
            description text NOT NULL,
            content_type text NOT NULL,
            content_structure text NOT NULL,
            target_keywords jsonb NOT NULL,
            word_count integer NOT NULL,
            status text NOT NULL)"""
    )
    op.execute("CREATE INDEX ideas_by_sector ON ideas (account_id, site_id, sector_id, created_at)")
    op.execute("CREATE INDEX ideas_by_cluster ON ideas (account_id, cluster_id)")
    op.execute(
        """CREATE TABLE replica_tasks (
            task_id uuid PRIMARY KEY,
            account_id uuid NOT NULL,
            idea_id uuid,
            written boolean NOT NULL)"""
    )
    op.execute("CREATE INDEX replica_tasks_by_account ON replica_tasks (account_id)")
    op.execute(
        f"""CREATE TABLE pipeline_runs (
            run_id uuid PRIMARY KEY, {RESOURCE}
            status text NOT NULL,
            stage integer,
            first_stage integer NOT NULL,
            reason text,
            settings jsonb NOT NULL,
            user_id uuid,
            retry_of uuid,
            finished_at timestamptz)"""
    )
    op.execute(
        "CREATE INDEX pipeline_runs_by_sector ON pipeline_runs (account_id, site_id, sector_id, created_at)"
    )
    op.execute(
        """CREATE TABLE pipeline_stages (
            run_id uuid,
            stage integer,
            account_id uuid NOT NULL,
            status text NOT NULL,
            items integer NOT NULL,
            started_at timestamptz NOT NULL,
            finished_at timestamptz,
            PRIMARY KEY (run_id, stage))"""
    )
    op.execute("CREATE INDEX pipeline_stages_by_account ON pipeline_stages (account_id)")
    op.execute(
        """CREATE TABLE pipeline_items (
            run_id uuid,
            stage integer,
            item_id uuid,
            account_id uuid NOT NULL,
            status text NOT NULL,
            credits bigint NOT NULL,
            error_code text,
            error text,
            PRIMARY KEY (run_id, stage, item_id))"""
    )
    op.execute("CREATE INDEX pipeline_items_by_item ON pipeline_items (account_id, item_id)")
    op.execute(
        """CREATE TABLE pipeline_log (
            run_id uuid,
            number integer,
            account_id uuid NOT NULL,
            at timestamptz NOT NULL,
            event text NOT NULL,
            stage integer,
            item_id uuid,
            message text NOT NULL,
            PRIMARY KEY (run_id, number))"""
    )
    op.execute("CREATE INDEX pipeline_log_by_account ON pipeline_log (account_id)")
    for table in (
        "keywords",
        "imports",
        "clusters",
        "ideas",
        "replica_tasks",
        "pipeline_runs",
        "pipeline_stages",
        "pipeline_items",
        "pipeline_log",
    ):
        op.execute(f"CALL guard_tenant('{table}')")
