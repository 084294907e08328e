"""The endpoints of PRODUCT §10 and those of the API description are the same, but for what is named here with its reason."""

import re
from collections.abc import Iterator

import pytest
from common.auth.identity import IdentityVerifier
from common.auth.permissions import PREFIX

from tests.support.routes import apps, every_request

# PRODUCT §10, a line for what its methods have in common. CRUD: list GET, create POST, `{}/` GET, PUT, PATCH, DELETE.
ROWS = """
POST      auth/register/ auth/login/ auth/refresh/ auth/logout/ auth/logout-all/ auth/password-reset/
POST      auth/password-reset/confirm/ auth/change-password/ auth/api-keys/{}/rotate/ auth/invitations/accept/
GET,PATCH auth/me/ account/ account/modules/
CRUD      auth/api-keys/ account/users/ account/invitations/ account/sites/ account/sites/{}/sectors/
GET,PUT   account/users/{}/sites/
GET       account/audit/ account/limits/ account/industries/ account/seed-keywords/
POST      account/export/ account/erase/

CRUD      planner/keywords/ planner/clusters/ planner/ideas/ planner/tasks/
POST      planner/keywords/auto_cluster/ planner/keywords/bulk_delete/ planner/keywords/bulk_update_status/
POST      planner/keywords/import_csv/ planner/keywords/bulk-import/
POST      planner/clusters/{}/auto-cluster/ planner/clusters/auto_generate_ideas/ planner/clusters/merge/
POST      planner/clusters/{}/split/ planner/clusters/{}/move/ planner/clusters/{}/pin/ planner/clusters/preview/
POST      planner/ideas/bulk_delete/ planner/ideas/queue/
GET       planner/keywords/export_csv/ planner/calendar.ics

CRUD      writer/tasks/ writer/content/ writer/image-prompts/ writer/images/ writer/taxonomies/
POST      writer/tasks/auto_generate_content/ writer/tasks/generate_images/ writer/tasks/bulk_delete/
POST      writer/tasks/bulk_update/ writer/content/{}/generate/ writer/content/{}/regenerate/
POST      writer/content/{}/submit/ writer/content/{}/approve/ writer/content/{}/reject/ writer/content/{}/validate/
POST      writer/content/{}/versions/{}/restore/ writer/content/{}/comments/
POST      writer/image-prompts/generate/ writer/images/generate/ writer/images/generate_images/ writer/taxonomies/merge/
GET       writer/content/{}/versions/ writer/content/{}/versions/{}/diff/{}/ writer/images/grouped/ writer/images/{}/file/

CRUD      system/prompts/ system/author-profiles/ system/strategies/
POST      system/prompts/{}/reset_to_default/ system/prompts/reset_to_default/
GET,PUT,POST system/settings/integrations/openai/ system/settings/integrations/runware/
GET,PUT,POST system/settings/integrations/image_generation/
POST      system/settings/integrations/openai/test_connection/ system/settings/integrations/openai/generate_image/
POST      system/settings/integrations/runware/test_connection/ system/settings/integrations/runware/generate_image/
POST      system/settings/integrations/image_generation/test_connection/
POST      system/settings/integrations/image_generation/generate_image/
POST      system/settings/integrations/openai/test_openai/ system/settings/integrations/runware/test_runware/
GET       system/settings/integrations/ system/settings/task_progress/{}/ system/ai-models/ system/ai-functions/
GET       system/request-metrics/{}/

GET       billing/credits/balance/ billing/transactions/ billing/transactions/{}/explain/ billing/usage/
GET       billing/usage/summary/ billing/plans/ billing/invoices/
GET,POST,DELETE billing/subscription/
POST      billing/estimate/ billing/checkout/ billing/webhooks/stripe/ billing/webhooks/paypal/
CRUD      billing/budgets/

CRUD      integration/integrations/ integration/webhooks/
POST      integration/integrations/{}/test-connection/ integration/integrations/{}/sync/
POST      integration/integrations/{}/publish/ integration/webhooks/wordpress/
GET       integration/integrations/{}/sync-logs/ integration/integrations/{}/conflicts/

GET       publisher/publications/ publisher/publications/{}/
POST      publisher/publications/{}/retry/ publisher/publications/{}/unpublish/

CRUD      automation/rules/
POST      automation/rules/{}/execute/ automation/rules/{}/dry-run/ automation/runs/ automation/runs/{}/pause/
POST      automation/runs/{}/resume/ automation/runs/{}/cancel/ automation/runs/{}/retry/
GET       automation/scheduled-tasks/ automation/runs/ automation/runs/{}/ automation/runs/{}/log/

GET       linker/suggestions/ optimizer/suggestions/
POST      linker/suggestions/{}/accept/ linker/suggestions/{}/reject/
POST      optimizer/suggestions/{}/accept/ optimizer/suggestions/{}/reject/

GET       events/ notifications/ notifications/unread_count/ dashboard/ search/
POST      notifications/{}/read/ notifications/read_all/

GET       admin/accounts/ admin/plans/ admin/rate-cards/ admin/ai-models/ admin/platform-keys/ admin/adjustments/
POST      admin/industries/import/ admin/seed-keywords/import/
"""
ANOTHER_WAY = {
    "POST account/users/": "users come by invitation, which asks them for their own password",
    **dict.fromkeys(
        (
            *("GET planner/tasks/", "POST planner/tasks/", "GET planner/tasks/{}/"),
            *("PUT planner/tasks/{}/", "PATCH planner/tasks/{}/", "DELETE planner/tasks/{}/"),
        ),
        "the gateway's alias of writer/tasks/ (edge/routes.py), described there",
    ),
}
"""What can be done, but not by an operation of that name in the description."""
# What the other services do not answer yet. Nothing of auth, account, system, live and admin is missing.
NOT_YET = """
PUT       planner/clusters/{}/ planner/ideas/{}/
POST      planner/clusters/{}/auto-cluster/ planner/clusters/merge/ planner/clusters/{}/split/
POST      planner/clusters/{}/move/ planner/clusters/{}/pin/ planner/clusters/preview/
GET       planner/calendar.ics
POST      writer/content/ writer/tasks/generate_images/ writer/taxonomies/ writer/taxonomies/merge/
PUT       writer/image-prompts/{}/ writer/images/{}/
PUT,DELETE writer/taxonomies/{}/
POST      writer/content/{}/generate/ writer/content/{}/regenerate/ writer/content/{}/validate/
POST      writer/content/{}/versions/{}/restore/ writer/content/{}/comments/
GET       writer/content/{}/versions/{}/diff/{}/
GET       billing/plans/ billing/invoices/
GET,POST,DELETE billing/subscription/
POST      billing/checkout/ billing/webhooks/stripe/ billing/webhooks/paypal/
CRUD      billing/budgets/ integration/webhooks/ automation/rules/
POST      integration/integrations/ integration/integrations/{}/sync/ integration/webhooks/wordpress/
PUT,PATCH,DELETE integration/integrations/{}/
GET       integration/integrations/{}/sync-logs/ integration/integrations/{}/conflicts/
POST      automation/rules/{}/execute/ automation/rules/{}/dry-run/
GET       automation/scheduled-tasks/
GET       linker/suggestions/ optimizer/suggestions/
POST      linker/suggestions/{}/accept/ linker/suggestions/{}/reject/
POST      optimizer/suggestions/{}/accept/ optimizer/suggestions/{}/reject/
"""
OURS = ("auth", "account", "system", "events", "notifications", "dashboard", "search", "admin")
CRUD = (("", ("GET", "POST")), ("{}/", ("GET", "PUT", "PATCH", "DELETE")))


def listed(rows: str) -> Iterator[str]:
    for line in filter(None, rows.splitlines()):
        methods, *paths = line.split()
        for path in paths:
            below = CRUD if methods == "CRUD" else (("", tuple(methods.split(","))),)
            yield from (f"{method} {path}{tail}" for tail, some in below for method in some)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The operations of the merged document, named as the rows name them."""
    services = apps(IdentityVerifier(str(tmp_path_factory.mktemp("keys") / "none.json")))
    return {re.sub(r"{\w+}", "{}", each.name.replace(PREFIX, "")) for each in every_request(services)}


def test_every_endpoint_is_described_or_named_with_its_reason(described: set[str]) -> None:
    assert set(listed(ROWS)) - described == ANOTHER_WAY.keys() | set(listed(NOT_YET))


def test_the_gateway_answers_all_of_its_own() -> None:
    missing = [each.partition(" ")[2].partition("/")[0] for each in listed(NOT_YET)]
    assert not {*missing} & {*OURS}


def test_no_endpoint_stands_twice() -> None:
    for rows in (ROWS, NOT_YET):
        found = list(listed(rows))
        assert sorted(set(found)) == sorted(found)
