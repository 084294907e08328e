"""People of a running product, and everything that a tenant has."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
from igny8_local.demo.client import Client

from tests.parts.ports import wait_for
from tests.support.command import igny8
from tests.support.product import Product
from tests.support.walk import Known, learn

PASSWORD = "Correct-Horse-7"
SETTINGS = {
    "/api/v1/system/prompts/": {"prompt_type": "clustering", "prompt_value": "Group {keywords}."},
    "/api/v1/system/author-profiles/": {"name": "Ada"},
    "/api/v1/system/strategies/": {"name": "Comparisons"},
}
"""What nobody has who has not asked for it."""
EXPORTS = "/api/v1/account/export/"


def some_email() -> str:
    return f"{uuid4().hex}@example.com"


def signed_in(product: Product, headers: Mapping[str, str]) -> httpx.Client:
    """Takes the document's paths as they are."""
    return httpx.Client(base_url=product.url, headers=dict(headers), timeout=30, trust_env=False)


def headers_of(client: Client) -> dict[str, str]:
    """What the demo's client identifies itself by."""
    return {"Authorization": client._http.headers["Authorization"]}


def staff_headers(product: Product) -> dict[str, str]:
    """Those of somebody new whom the operator has made staff, on an account of their own."""
    email = some_email()
    client = product.client()
    account = client.register(email=email, password=PASSWORD, account_name="Staff")["account_id"]
    client.close()
    added = igny8("staff", "add", email, "--data-dir", product.stack.layout.data_dir)
    assert added.returncode == 0, added.stderr
    headers = headers_of(client) | {"X-Act-As-Account": account}
    with signed_in(product, headers) as http:
        wait_for(
            lambda: http.get("/api/v1/admin/ai-models/").status_code == 200,
            what="the gateway knows of its staff",
        )
    return headers


def known_of(product: Product, http: httpx.Client, document: Mapping[str, Any]) -> Known:
    """What a tenant who has had a run made sees in its lists, and the objects that only their id leads to."""
    account = http.get("/api/v1/account/").json()["data"]["id"]
    # What no run makes.
    made = {"name": "Importer", "scopes": ["read"]}
    assert http.post("/api/v1/auth/api-keys/", json=made).status_code == 201
    invited = {"email": some_email(), "role": "editor"}
    assert http.post("/api/v1/account/invitations/", json=invited).status_code == 201
    for path, body in SETTINGS.items():
        if not http.get(path).json()["data"]["results"]:
            assert http.post(path, json=body).status_code == 201
    exported = http.post(EXPORTS).json()["data"]["task_id"]
    wait_for(
        lambda: http.get(f"{EXPORTS}{exported}/").json()["data"]["status"] == "completed",
        what="the export is complete",
    )
    tracked = http.get("/api/v1/account/", headers={"X-Track-Resources": "1"})
    unlisted = {
        "/api/v1/system/request-metrics/": tracked.headers["X-Resource-Tracking-Id"],
        "/api/v1/planner/imports/": product.scalar(
            "planner", "SELECT import_id FROM imports WHERE account_id = %s", account
        ),
        "/api/v1/system/settings/task_progress/": product.scalar(
            "writer", "SELECT operation_id FROM operations WHERE account_id = %s", account
        ),
    }
    known = learn(http, document, {path: str(id) for path, id in unlisted.items()})
    known.all.add(account)
    known.by_name["object_id"] = known.by_name["keyword_id"]
    known.by_name["keyword_cluster"] = known.by_name["cluster_id"]
    known.by_name["active_site"] = known.by_name["site_id"]
    known.by_name["active_sector"] = known.by_name["default_sector"] = known.by_name["sector_id"]
    # An image that has been made is no longer among the prompts that wait.
    known.by_path["/api/v1/writer/image-prompts/"] = known.by_name["image_id"]
    return known
