"""Erasure of accounts; an image's file is looked up in its account's part of the object store."""

from alembic import op
from common.migrations import kit

revision = "0004"
down_revision = "0003"

IMAGE_FILE = """
DROP FUNCTION image_file(uuid);
-- The file of an image is asked for by people without an account: its id is all they have to know.
CREATE FUNCTION image_file(wanted uuid) RETURNS TABLE (account_id uuid, object jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT i.account_id, i.object FROM images i
    WHERE i.image_id = wanted AND i.object IS NOT NULL AND NOT i.archived
$$
"""


def upgrade() -> None:
    kit.create_v2(op)
    kit.run_script(op, IMAGE_FILE)
