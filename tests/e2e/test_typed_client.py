"""The rows of PRODUCT §10 that the gateway answers, walked on a running stack by the typed client.

Each thing is made, read back, listed, changed and archived; a viewer may not, another tenant does not find it, and a
body that does not fit is refused. (Every route with every role: tests/architecture/test_permissions.py; every object of
another tenant: test_tenancy.py.)
"""

import csv
import io
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, ParamSpec, Protocol
from uuid import UUID, uuid4

import httpx
import pytest
from igny8_client import ApiError, Client, Page
from igny8_client import models as m
from igny8_local.layout import REPOSITORY
from pydantic import BaseModel

from tests.e2e.conftest import Shared
from tests.parts.ports import wait_for
from tests.support.tenants import PASSWORD, some_email, staff_headers
from tests.support.walk import Operation, operations

P = ParamSpec("P")
AREAS = ("auth", "account", "system", "events", "notifications", "dashboard", "search", "admin")
ELSEWHERE = ("/api/v1/account/export/", "/api/v1/account/erase/")
"""They take an account out of use, and have tests of their own."""
NOBODY = UUID("00000000-0000-7000-8000-0000000000aa")


class Walked(httpx.BaseTransport):
    """Sends, and notes what was answered with which status."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str, int]] = set()
        self._sender = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._sender.handle_request(request)
        self.seen.add((request.method.lower(), request.url.path, response.status_code))
        return response

    def statuses(self, operation: Operation) -> set[int]:
        path = re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.path))
        return {
            status
            for method, seen, status in self.seen
            if method == operation.method and path.fullmatch(seen)
        }


@dataclass
class Stage:
    """The people of the walk."""

    shared: Shared
    walked: Walked = field(default_factory=Walked)

    def client(self, **options: Any) -> Client:
        return Client(self.shared.product.url, transport=self.walked, **options)

    def tenant(self, name: str) -> tuple[Client, m.RegisteredOut, str]:
        client, email = self.client(), some_email()
        made = client.auth.register(m.RegisterIn(email=email, password=PASSWORD, account_name=name))
        client.sign_in(made.access, made.refresh)
        return client, made, email

    def member(
        self, owner: Client, role: Literal["editor", "viewer", "admin"], sites: Collection[UUID] = ()
    ) -> Client:
        email = some_email()
        owner.account.invitations.create(m.InvitationIn(email=email, role=role, site_ids=list(sites)))
        client = self.client()
        token = self.shared.product.mailed_token(email)
        accepted = client.auth.invitations_accept(m.AcceptIn(token=token, password=PASSWORD))
        client.sign_in(accepted.access, accepted.refresh)
        return client


@pytest.fixture(scope="module")
def stage(shared: Shared) -> Stage:
    return Stage(shared)


@pytest.fixture(scope="module")
def owner(stage: Stage) -> Client:
    client, _, _ = stage.tenant("Walk")
    client.system.author_profiles.create(m.AuthorIn(name="House"))  # one is the default, and stays
    return client


@pytest.fixture(scope="module")
def viewer(stage: Stage, owner: Client) -> Client:
    return stage.member(owner, "viewer")


@pytest.fixture(scope="module")
def stranger(stage: Stage) -> Client:
    client, _, _ = stage.tenant("Elsewhere")
    return client


@pytest.fixture(scope="module")
def runner(stage: Stage) -> Client:
    """The tenant whose run has made something of everything."""
    client = stage.client()
    client.sign_in(stage.shared.client._http.headers["Authorization"].removeprefix("Bearer "))
    return client


@pytest.fixture(scope="module")
def staff(stage: Stage, shared: Shared) -> Client:
    headers = staff_headers(shared.product)
    client = stage.client(act_as=headers["X-Act-As-Account"])
    client.sign_in(headers["Authorization"].removeprefix("Bearer "))
    return client


@pytest.fixture(scope="module")
def described(shared: Shared) -> list[Operation]:
    """The operations of these rows."""
    document = httpx.get(f"{shared.product.url}/api/schema/", timeout=30).json()
    found = [
        each
        for each in operations(document)
        if each.path.split("/")[3] in AREAS and not each.path.startswith(ELSEWHERE)
    ]
    assert len(found) > 100
    return [
        Operation(each.method, each.path, {**each.description, "schemas": document["components"]["schemas"]})
        for each in found
    ]


class Things(Protocol):
    """What the groups of the client have in common where one can make a thing."""

    def list(self, *, page_size: int | None = None) -> Page[Any]: ...
    def create(self, body: Any) -> Any: ...
    def get(self, id: UUID, /) -> Any: ...
    def replace(self, id: UUID, body: Any, /, *, if_match: int | str | None = None) -> Any: ...
    def change(self, id: UUID, body: Any, /, *, if_match: int | str | None = None) -> Any: ...
    def delete(self, id: UUID, /, *, if_match: int | str | None = None) -> None: ...


@dataclass(frozen=True)
class Row:
    """A collection: a body that makes one, one that changes it, and what `PUT` takes."""

    name: str
    of: Callable[[Client], Things]
    new: BaseModel
    changes: BaseModel
    replaced: BaseModel
    stays: bool = False
    """What is deleted can still be read."""


ROWS = (
    Row(
        "auth/api-keys/",
        lambda client: client.auth.api_keys,
        m.ApiKeyIn(name="Importer", scopes=["read"]),
        m.ApiKeyChanges(name="Reader"),
        m.ApiKeyIn(name="Writer", scopes=["write"]),
    ),
    Row(
        "account/invitations/",
        lambda client: client.account.invitations,
        m.InvitationIn(email=some_email(), role="editor"),
        m.InvitationChanges(role="viewer"),
        m.InvitationChanges(role="admin", site_ids=[]),
        stays=True,
    ),
    Row(
        "account/sites/",
        lambda client: client.account.sites,
        m.SiteIn(name="Blog", domain="blog.example.com"),
        m.SiteChanges(name="Magazine"),
        m.SiteIn(name="News", is_active=False),
    ),
    Row(
        "system/prompts/",
        lambda client: client.system.prompts,
        m.PromptIn(prompt_type="clustering", prompt_value="Group {keywords}."),
        m.PromptChanges(prompt_value="Sort {keywords}."),
        m.PromptIn(prompt_type="clustering", prompt_value="Order {keywords}."),
    ),
    Row(
        "system/author-profiles/",
        lambda client: client.system.author_profiles,
        m.AuthorIn(name="Ada", is_default=False),
        m.AuthorChanges(tone="dry"),
        m.AuthorIn(name="Grace", language="de-AT", is_default=False),
    ),
    Row(
        "system/strategies/",
        lambda client: client.system.strategies,
        m.StrategyIn(name="Comparisons"),
        m.StrategyChanges(description="Two at a time"),
        m.StrategyIn(name="Guides", prompt_types=["ideas"]),
    ),
)


def refusal(call: Callable[P, Any], *values: P.args, **named: P.kwargs) -> tuple[int, str]:
    """Status and code of the error that a call ends in."""
    with pytest.raises(ApiError) as raised:
        call(*values, **named)
    assert raised.value.request_id
    return raised.value.status, raised.value.code


def changes_of(of: Things, id: UUID, row: Row, **options: Any) -> tuple[Callable[[], Any], ...]:
    return (
        lambda: of.change(id, row.changes, **options),
        lambda: of.replace(id, row.replaced, **options),
        lambda: of.delete(id, **options),
    )


def plain(shown: BaseModel) -> dict[str, Any]:
    """Without the secret of a key, which is shown only once."""
    return shown.model_dump(exclude={"key"})


def shows(shown: BaseModel, sent: BaseModel) -> bool:
    """Whether what was sent is what there is now."""
    given = sent.model_dump(exclude_unset=True)
    return {name: getattr(shown, name) for name in given} == given


def walk(row: Row, mine: Things, viewers: Things, strangers: Things) -> None:
    made = mine.create(row.new)
    assert shows(made, row.new)
    assert plain(mine.get(made.id)) == plain(made)
    assert made.id in {each.id for each in mine.list(page_size=1).every()}

    changed = mine.change(made.id, row.changes, if_match=made.version)
    assert shows(changed, row.changes)
    for stale in changes_of(mine, made.id, row, if_match=made.version):
        assert refusal(stale) == (412, "PRECONDITION_FAILED")
    replaced = mine.replace(made.id, row.replaced, if_match=changed.version)
    assert shows(replaced, row.replaced)

    assert made.id not in {each.id for each in strangers.list(page_size=100).every()}
    for foreign in (lambda: strangers.get(made.id), *changes_of(strangers, made.id, row)):
        assert refusal(foreign) == (404, "NOT_FOUND")
    for refused in (lambda: viewers.create(row.new), *changes_of(viewers, made.id, row)):
        assert refusal(refused) == (403, "FORBIDDEN")
    assert plain(mine.get(made.id)) == plain(replaced)

    mine.delete(made.id)
    if not row.stays:
        assert refusal(mine.get, made.id) == (404, "NOT_FOUND")
        assert made.id not in {each.id for each in mine.list(page_size=100).every()}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_collection(row: Row, owner: Client, viewer: Client, stranger: Client) -> None:
    walk(row, row.of(owner), row.of(viewer), row.of(stranger))


@dataclass(frozen=True)
class Sectors:
    """Those of one site, as a collection."""

    client: Client
    site: UUID

    def list(self, *, page_size: int | None = None) -> Page[m.SectorOut]:
        return self.client.account.sites.sectors.list(self.site, page_size=page_size)

    def create(self, body: m.SectorIn) -> m.SectorOut:
        return self.client.account.sites.sectors.create(self.site, body)

    def get(self, id: UUID, /) -> m.SectorOut:
        return self.client.account.sites.sectors.get(self.site, id)

    def replace(self, id: UUID, body: m.SectorIn, /, *, if_match: int | str | None = None) -> m.SectorOut:
        return self.client.account.sites.sectors.replace(self.site, id, body, if_match=if_match)

    def change(self, id: UUID, body: m.SectorChanges, /, *, if_match: int | str | None = None) -> m.SectorOut:
        return self.client.account.sites.sectors.change(self.site, id, body, if_match=if_match)

    def delete(self, id: UUID, /, *, if_match: int | str | None = None) -> None:
        self.client.account.sites.sectors.delete(self.site, id, if_match=if_match)


def test_the_sectors_of_a_site(owner: Client, stage: Stage, stranger: Client) -> None:
    site = owner.account.sites.create(m.SiteIn(name="With sectors")).id
    viewer = stage.member(owner, "viewer", [site])
    row = Row(
        "account/sites/{id}/sectors/",
        lambda client: Sectors(client, site),
        m.SectorIn(name="Loans"),
        m.SectorChanges(name="Leasing"),
        m.SectorIn(name="Credit", is_active=False),
    )
    assert refusal(Sectors(stranger, site).list) == (404, "NOT_FOUND")
    there = stranger.account.sites.create(m.SiteIn(name="Theirs")).id
    walk(row, row.of(owner), row.of(viewer), _Strange(stranger, site, there))


@dataclass(frozen=True)
class _Strange(Sectors):
    """Asks for what stands below another tenant's site, and lists what is below its own."""

    own: UUID

    def list(self, *, page_size: int | None = None) -> Page[m.SectorOut]:
        return self.client.account.sites.sectors.list(self.own, page_size=page_size)


def test_what_was_archived_comes_back(owner: Client, viewer: Client, stranger: Client) -> None:
    site = owner.account.sites.create(m.SiteIn(name="Back again"))
    sector = owner.account.sites.sectors.create(site.id, m.SectorIn(name="Back"))
    profile = owner.system.author_profiles.create(m.AuthorIn(name="Back", is_default=False))
    strategy = owner.system.strategies.create(m.StrategyIn(name="Back"))
    prompt = owner.system.prompts.create(
        m.PromptIn(prompt_type="clustering", prompt_value="Back {keywords}.")
    )
    owner.account.sites.sectors.delete(site.id, sector.id)
    assert owner.account.sites.sectors.restore(site.id, sector.id).id == sector.id
    owner.account.sites.delete(site.id)
    owner.system.author_profiles.delete(profile.id)
    owner.system.strategies.delete(strategy.id)
    owner.system.prompts.delete(prompt.id)
    assert owner.account.sites.list(deleted=True).results[0].id == site.id
    restores: tuple[tuple[Callable[[Client, UUID], Any], UUID], ...] = (
        (lambda client, id: client.account.sites.restore(id), site.id),
        (lambda client, id: client.system.author_profiles.restore(id), profile.id),
        (lambda client, id: client.system.strategies.restore(id), strategy.id),
        (lambda client, id: client.system.prompts.restore(id), prompt.id),
    )
    for restore, id in restores:
        assert refusal(restore, stranger, id) == (404, "NOT_FOUND")
        assert refusal(restore, viewer, id) == (403, "FORBIDDEN")
        assert restore(owner, id).id == id
    owner.system.prompts.delete(prompt.id)


def test_a_key_is_rotated_and_opens_what_its_scope_says(
    stage: Stage, owner: Client, stranger: Client
) -> None:
    made = owner.auth.api_keys.create(m.ApiKeyIn(name="Reader", scopes=["read"]))
    rotated = owner.auth.api_keys.rotate(made.id, m.RotateIn(overlap_seconds=0))
    assert refusal(stranger.auth.api_keys.rotate, made.id, m.RotateIn()) == (404, "NOT_FOUND")
    assert made.key
    assert rotated.key not in (None, made.key)
    with stage.client(api_key=made.key) as before, stage.client(api_key=rotated.key) as now:
        assert refusal(before.account.get) == (401, "UNAUTHORIZED")
        assert now.account.get().id == made.account_id
        assert refusal(now.account.sites.create, m.SiteIn(name="No")) == (403, "FORBIDDEN")


def test_the_account_its_modules_and_its_limits_to_a_viewer(
    owner: Client, viewer: Client, stranger: Client
) -> None:
    name = f"Walk {uuid4().hex[:8]}"
    assert owner.account.change(m.AccountChanges(name=name)).name == name
    assert (viewer.account.get().name, stranger.account.get().name) == (name, "Elsewhere")
    assert refusal(viewer.account.change, m.AccountChanges(name="Mine")) == (403, "FORBIDDEN")
    assert owner.account.modules.change(m.ModuleChanges(linker=True)).linker
    assert (viewer.account.modules.get().linker, stranger.account.modules.get().linker) == (True, False)
    assert refusal(viewer.account.modules.change, m.ModuleChanges(linker=False)) == (403, "FORBIDDEN")


def test_users_and_the_sites_they_see(stage: Stage, owner: Client, viewer: Client, stranger: Client) -> None:
    site = owner.account.sites.create(m.SiteIn(name="For some")).id
    member = stage.member(owner, "editor")
    id = member.auth.me.get().id
    assert owner.account.users.get(id).role == "editor"
    assert id in {each.id for each in owner.account.users.list(role="editor").every()}
    assert id not in {each.id for each in stranger.account.users.list().every()}
    assert owner.account.users.sites.replace(id, m.SitesIn(site_ids=[site])).site_ids == [site]
    assert owner.account.users.sites.get(id).site_ids == [site]
    assert [each.id for each in member.account.sites.list().every()] == [site]
    assert owner.account.users.change(id, m.MemberChanges(role="viewer")).role == "viewer"
    assert owner.account.users.replace(id, m.MemberIn(role="editor", is_active=True)).role == "editor"
    for client, expected in ((stranger, (404, "NOT_FOUND")), (viewer, (403, "FORBIDDEN"))):
        users = client.account.users
        assert refusal(users.get, id) == expected
        assert refusal(users.change, id, m.MemberChanges(role="viewer")) == expected
        assert refusal(users.replace, id, m.MemberIn(role="viewer")) == expected
        assert refusal(users.sites.get, id) == expected
        assert refusal(users.sites.replace, id, m.SitesIn(site_ids=[])) == expected
        assert refusal(users.delete, id) == expected
    owner.account.users.delete(id)
    assert refusal(member.account.get) == (401, "UNAUTHORIZED")
    assert not owner.account.users.get(id).is_active


def test_an_invitation_is_sent_again(stage: Stage, owner: Client, stranger: Client) -> None:
    email = some_email()
    made = owner.account.invitations.create(m.InvitationIn(email=email, role="viewer"))
    first = stage.shared.product.mailed_token(email)
    assert refusal(stranger.account.invitations.resend, made.id) == (404, "NOT_FOUND")
    assert owner.account.invitations.resend(made.id).status == "pending"
    second = stage.shared.product.mailed_token(email, besides={first})
    refused = m.AcceptIn(token=first, password=PASSWORD)
    assert refusal(stage.client().auth.invitations_accept, refused)[0] == 409
    accepted = stage.client().auth.invitations_accept(m.AcceptIn(token=second, password=PASSWORD))
    assert accepted.account_id == made.account_id


def test_sessions_and_passwords(stage: Stage) -> None:
    client, made, email = stage.tenant("Sessions")
    assert client.auth.me.change(m.ProfileIn(first_name="Ada")).first_name == "Ada"
    assert (client.auth.me.get().first_name, client.auth.me.get().email) == ("Ada", email)
    tokens = client.auth.refresh(m.RefreshIn(refresh=made.refresh))
    client.sign_in(tokens.access, tokens.refresh)
    client.auth.change_password(m.PasswordIn(current_password=PASSWORD, new_password="Battery-Staple-8"))
    wrong = m.LoginIn(email=email, password=PASSWORD)
    assert refusal(stage.client().auth.login, wrong) == (401, "INVALID_CREDENTIALS")
    client.auth.password_reset(m.UsersResetIn(email=email))
    token = stage.shared.product.mailed_token(email)
    client.auth.password_reset_confirm(m.ResetConfirmIn(token=token, password=PASSWORD))
    for everywhere in (False, True):
        tokens = stage.client().auth.login(m.LoginIn(email=email, password=PASSWORD))
        client.sign_in(tokens.access)
        refreshed = m.RefreshIn(refresh=tokens.refresh)
        client.auth.logout_all() if everywhere else client.auth.logout(refreshed)
        assert refusal(stage.client().auth.refresh, refreshed) == (401, "UNAUTHORIZED")


def test_settings_of_the_providers(owner: Client, viewer: Client, stranger: Client) -> None:
    all_of_them = owner.system.settings.integrations
    assert {each.settings_type for each in all_of_them.list().results} == {
        "openai",
        "runware",
        "image_generation",
    }
    for endpoint, test in (
        (all_of_them.openai, all_of_them.openai.test_openai),
        (all_of_them.runware, all_of_them.runware.test_runware),
    ):
        for save in (endpoint.replace, endpoint.post):
            assert save(m.EndpointIn(model="ours", api_key="")).model == "ours"
        assert (endpoint.get().model, endpoint.get().has_api_key) == ("ours", False)
        stale = refusal(endpoint.replace, m.EndpointIn(model="late"), if_match=endpoint.get().version + 1)
        assert stale == (412, "PRECONDITION_FAILED")
        for tried in (
            endpoint.test_connection(m.TrialIn()),
            test(m.TrialIn()),
            endpoint.generate_image(m.ImageTrialIn()),
        ):
            assert (tried.status, tried.error_code) == ("failed", "API_KEY_MISSING")
    images = all_of_them.image_generation
    for save_images in (images.replace, images.post):
        assert save_images(m.ImagesIn(provider="local", size="512x512")).size == "512x512"
    assert images.get().provider == "local"
    assert images.test_connection(m.TrialIn()).status == "connected"
    assert images.generate_image(m.ImageTrialIn(prompt="A lighthouse")).image_url
    assert stranger.system.settings.integrations.openai.get().source == "default"
    denied = viewer.system.settings.integrations.openai
    assert refusal(denied.replace, m.EndpointIn(model="mine")) == (403, "FORBIDDEN")


def test_prompts_go_back_to_their_default(owner: Client, stranger: Client) -> None:
    prompts = owner.system.prompts
    default = {each.prompt_type: each.prompt_value for each in prompts.defaults()}
    made = prompts.create(m.PromptIn(prompt_type="ideas", prompt_value=default["ideas"] + " Be brief."))
    assert not made.is_default
    assert refusal(stranger.system.prompts.reset_to_default_by_id, made.id) == (404, "NOT_FOUND")
    assert prompts.reset_to_default_by_id(made.id).prompt_value == default["ideas"]
    prompts.change(made.id, m.PromptChanges(prompt_value=default["ideas"] + " Be quick."))
    assert prompts.reset_to_default(m.PromptsResetIn(prompt_type="ideas")).is_default
    assert [each.number for each in prompts.versions.list(made.id).every()] == [4, 3, 2, 1]
    assert refusal(stranger.system.prompts.versions.list, made.id) == (404, "NOT_FOUND")


def test_what_a_request_took(owner: Client, stranger: Client) -> None:
    tracked = owner.request("GET", "account/", headers={"X-Track-Resources": "1"})
    id = tracked.headers["X-Resource-Tracking-Id"]
    assert owner.system.request_metrics.get(id).path == "/api/v1/account/"
    assert refusal(stranger.system.request_metrics.get, id) == (404, "NOT_FOUND")


def test_the_audit_log_has_all_of_it(owner: Client, viewer: Client, stranger: Client) -> None:
    site = owner.account.sites.create(m.SiteIn(name="Looked after"))

    def entries() -> list[m.AuditEntryOut]:
        return list(owner.account.audit.list(object_id=site.id).every())

    (entry,) = wait_for(entries, what="the audit log tells of the new site")
    assert (entry.action, entry.outcome, entry.status) == ("POST account/sites/", "succeeded", 201)
    assert list(stranger.account.audit.list(object_id=site.id).every()) == []
    assert refusal(viewer.account.audit.list) == (403, "FORBIDDEN")
    with owner.account.audit.download(object_id=site.id) as file:
        (row,) = csv.DictReader(io.StringIO(file.read().decode("utf-8-sig")))
    assert row["object_id"] == str(site.id)


def test_the_catalogue_that_staff_keep(staff: Client, owner: Client) -> None:
    name = f"model-{uuid4().hex[:8]}"
    models = staff.admin.ai_models
    made = models.create(m.ModelIn(name=name, provider="openai", kind="chat", input_price="1.5"))
    assert models.get(made.id) == made
    assert made in list(models.list(page_size=100).every())
    assert made.id in {each.id for each in owner.system.ai_models.list(page_size=100).every()}
    assert (
        models.change(made.id, m.ModelChanges(output_price="2.5"), if_match=made.version).output_price == 2.5
    )
    assert models.replace(made.id, m.ModelIn(name=name, provider="other", kind="chat")).provider == "other"
    models.delete(made.id)
    assert made.id not in {each.id for each in owner.system.ai_models.list(page_size=100).every()}
    denied = owner.admin.ai_models
    for call in (
        denied.list,
        lambda: denied.get(made.id),
        lambda: denied.create(m.ModelIn(name="x", provider="openai", kind="chat")),
        lambda: denied.change(made.id, m.ModelChanges(is_active=False)),
        lambda: denied.delete(made.id),
        lambda: owner.admin.industries_import(("a.csv", b"industry\nLaw\n")),
        lambda: owner.admin.seed_keywords_import(("a.csv", b"keyword\nlaw\n")),
        owner.admin.platform_keys.list,
    ):
        assert refusal(call) == (403, "FORBIDDEN")
    industry = f"Industry {uuid4().hex[:8]}"
    text = f"industry,sector\n{industry},Loans\n".encode()
    assert staff.admin.industries_import(("industries.csv", text)).new == 1
    (found,) = owner.account.industries.list(search=industry).results
    assert [each.name for each in found.sectors] == ["Loans"]
    text = f"keyword,industry,sector\nterms of {industry},{industry},Loans\n".encode()
    assert staff.admin.seed_keywords_import(("seeds.csv", text)).new == 1
    assert owner.account.seed_keywords.list(search=industry).count == 1
    assert {each.name for each in owner.system.ai_functions.list().results} > {"auto_cluster"}


def test_the_accounts_that_staff_look_after(stage: Stage, staff: Client, owner: Client) -> None:
    client, made, _ = stage.tenant("Looked after")
    accounts, id = staff.admin.accounts, made.account_id
    one = accounts.get(id)
    assert (one.name, one.status) == ("Looked after", "trial")
    assert one in list(accounts.list(search=one.slug).every())

    def refused_as(code: str) -> bool:
        answer = client.request("PATCH", "account/", json={"name": "Looked after"})
        return (answer.json().get("error_code") or "") == code

    accounts.change(id, m.StatusIn(status="suspended"), if_match=one.version)
    wait_for(lambda: refused_as("ACCOUNT_SUSPENDED"), what="the account only reads")
    accounts.change(id, m.StatusIn(status="cancelled"))
    wait_for(lambda: refused_as("PLAN_REQUIRED"), what="the account needs a plan")
    assert accounts.change(id, m.StatusIn(status="trial")).status == "trial"
    wait_for(lambda: refused_as(""), what="the account goes on")
    for call in (owner.admin.accounts.list, lambda: owner.admin.accounts.get(id)):
        assert refusal(call) == (403, "FORBIDDEN")
    assert refusal(owner.admin.accounts.change, id, m.StatusIn(status="active")) == (403, "FORBIDDEN")


def test_credits_that_staff_give_and_take_back(stage: Stage, staff: Client, owner: Client) -> None:
    client, made, _ = stage.tenant("Adjusted")
    adjustments, id = staff.admin.adjustments, made.account_id

    trial = wait_for(lambda: client.billing.credits.balance().balance, what="the trial has its credits")
    given = adjustments.create(m.AdjustmentIn(account=id, amount=2.5, reason="An outage"))
    assert (given.amount, given.balance_after) == (2.5, trial + 2.5)
    taken = adjustments.create(m.AdjustmentIn(account=id, amount=-trial - 0.125, reason="Given twice"))
    assert adjustments.get(taken.id) == taken
    assert {each.id for each in adjustments.list(account=id).every()} == {given.id, taken.id}
    assert client.billing.credits.balance().balance == 2.375
    assert {each.reference for each in client.billing.transactions.list(type="adjustment").every()} >= {
        str(given.id),
        str(taken.id),
    }
    too_much = m.AdjustmentIn(account=id, amount=-3, reason="All of it")
    assert refusal(adjustments.create, too_much) == (402, "INSUFFICIENT_CREDITS")
    denied = owner.admin.adjustments
    for call in (denied.list, lambda: denied.get(given.id), lambda: denied.create(too_much)):
        assert refusal(call) == (403, "FORBIDDEN")


def test_the_plans_that_staff_keep(stage: Stage, staff: Client, owner: Client) -> None:
    client, made, _ = stage.tenant("On a plan")
    plans, account = staff.admin.plans, made.account_id

    def on(plan: str) -> bool:
        return client.account.limits().plan == plan

    wait_for(lambda: on("growth"), what="the trial has its limits")
    everything = dict.fromkeys(m.LimitsIn.model_fields)
    slug = f"plan-{uuid4().hex[:8]}"
    limits = m.LimitsIn(**{**everything, "sites": 1})
    new = m.PlanIn(slug=slug, name="Small", credits_per_month=1.5, limits=limits)
    plan = plans.create(new)
    assert plans.get(slug) == plan
    assert plan in list(plans.list().every())
    assert plans.accounts.create(slug, m.OnPlanIn(account=account)).plan == slug
    assert [each.account for each in plans.accounts.list(slug).every()] == [account]
    wait_for(lambda: on(slug), what="the account has its limits")
    client.account.sites.create(m.SiteIn(name="The only one"))
    assert refusal(client.account.sites.create, m.SiteIn(name="More")) == (403, "PLAN_LIMIT_REACHED")
    found = {each.name: (each.used, each.limit) for each in client.account.limits().limits}
    assert (found["sites"], found["users"]) == ((1, 1), (1, None))
    more = m.PlanChanges(limits=m.LimitChanges(sites=2))
    assert refusal(plans.change, slug, more, if_match=plan.version + 1) == (412, "PRECONDITION_FAILED")
    assert plans.change(slug, more, if_match=plan.version).limits.sites == 2

    def may() -> bool:
        return {each.name: each.limit for each in client.account.limits().limits}["sites"] == 2

    wait_for(may, what="the account has the plan's new limits")
    client.account.sites.create(m.SiteIn(name="One more"))
    plans.delete(slug)
    assert not plans.get(slug).is_active
    assert refusal(plans.accounts.create, slug, m.OnPlanIn(account=staff_account(staff))) == (
        409,
        "INVALID_TRANSITION",
    )
    denied = owner.admin.plans
    for call in (
        denied.list,
        lambda: denied.get(slug),
        lambda: denied.create(new),
        lambda: denied.change(slug, more),
        lambda: denied.delete(slug),
        lambda: denied.accounts.list(slug),
        lambda: denied.accounts.create(slug, m.OnPlanIn(account=account)),
    ):
        assert refusal(call) == (403, "FORBIDDEN")


def staff_account(staff: Client) -> UUID:
    return staff.account.get().id


def test_the_prices_that_staff_publish(staff: Client, owner: Client) -> None:
    cards = staff.admin.rate_cards
    (newest, *_) = cards.list().results
    same = m.RateCardIn.model_validate(newest.model_dump(exclude={"version", "published_at"}))
    card = same.model_copy(update={"image_by_model": {**newest.image_by_model, "walked": 3.5}})
    made = cards.create(card)
    assert (made.version, made.image_by_model["walked"]) == (newest.version + 1, 3.5)
    assert cards.get(str(made.version)) == made
    assert owner.billing.rate_card().image_by_model == made.image_by_model
    for call in (owner.admin.rate_cards.list, lambda: owner.admin.rate_cards.create(card)):
        assert refusal(call) == (403, "FORBIDDEN")
    assert refusal(owner.admin.rate_cards.get, "1") == (403, "FORBIDDEN")


def test_the_keys_of_the_platform(staff: Client) -> None:
    keys = staff.admin.platform_keys
    assert len(keys.list().results) == 3
    for endpoint in (keys.openai, keys.runware):
        before = endpoint.get().model
        assert endpoint.replace(m.EndpointIn(model="theirs", is_active=False)).model == "theirs"
        assert endpoint.replace(m.EndpointIn(model=before)).model == before
    assert keys.image_generation.get().settings_type == "image_generation"
    assert keys.image_generation.replace(m.ImagesIn(is_active=False)).settings_type == "image_generation"


def test_what_happens_and_has_happened(runner: Client, stranger: Client, shared: Shared) -> None:
    (run,) = runner.automation.runs.list(page_size=1).results
    progress = runner.system.settings.task_progress.get(run.id)
    assert progress.status == "completed"
    heard = {"billing", "gateway", "planner", "writer"}
    assert {each.source for each in progress.as_of} >= heard
    assert {each.source for each in runner.notifications.list().as_of} >= heard
    assert refusal(stranger.system.settings.task_progress.get, run.id) == (404, "NOT_FOUND")
    events = runner.events.stream(last_event_id="0")
    assert next(events).event
    events.close()
    assert sum(stage.total for stage in runner.dashboard.get().workflow_pipeline) > 0
    assert sum(stage.total for stage in stranger.dashboard.get().workflow_pipeline) == 0
    assert any(group.results for group in runner.search.get(q="financing").groups)
    assert not any(group.results for group in stranger.search.get(q="financing").groups)


def test_notifications_and_what_one_is_told_how(runner: Client, viewer: Client) -> None:
    first = next(runner.notifications.list(unread=True).every())
    unread = runner.notifications.unread_count().unread
    assert refusal(viewer.notifications.read, first.id) == (404, "NOT_FOUND")
    assert runner.notifications.read(first.id).read
    assert runner.notifications.unread_count().unread == unread - 1
    assert runner.notifications.read_all().unread == 0
    wanted = m.PreferencesIn(preferences=[m.PreferenceIn(kind="credits_low", email=True)])
    told = {each.kind: each for each in runner.notifications.preferences.change(wanted).preferences}
    assert told["credits_low"].email
    assert {each.kind for each in runner.notifications.preferences.get().preferences} == told.keys()


def test_the_example_of_its_front_page_runs(
    shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "clients/python/README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples").symlink_to(REPOSITORY / "samples")
    exec(example.replace("http://127.0.0.1:8080", shared.product.url), {})
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "completed"
    assert "crane financing 880" in told
    assert told[-1].startswith("PRECONDITION_FAILED")
    assert "crane financing" in (tmp_path / "keywords.csv").read_text()


def broken(operation: Operation) -> dict[str, Any]:
    """A body in which every field is what none of them takes."""
    assert operation.body
    schema = operation.body[1]
    for each in schema.get("anyOf", (schema,)):
        if "$ref" in each:
            schema = operation.description["schemas"][each["$ref"].rpartition("/")[2]]
    return {name: [[]] for name in schema["properties"]}


def test_a_body_that_does_not_fit_is_refused_by_field(
    described: list[Operation], owner: Client, staff: Client
) -> None:
    found = []
    asked = 0
    for operation in described:
        if operation.body is None:
            continue
        client = staff if "/admin/" in operation.path else owner
        path = re.sub(r"\{\w+\}", str(NOBODY), operation.path).removeprefix("/api/v1/")
        if operation.body[0].startswith("multipart/"):
            options: dict[str, Any] = {"data": {"name": "no file"}}
            fields = {"file"}
        else:
            options = {"json": broken(operation)}
            fields = set(options["json"])
        answer = client.request(operation.method, path, **options)
        asked += 1
        told = answer.json()
        named = {name.partition(".")[0] for name in told.get("errors") or {}}
        if (answer.status_code, told["error_code"]) != (400, "VALIDATION_ERROR") or not named & fields:
            found.append(f"{operation}: {answer.status_code} {answer.text[:200]}")
    assert found == []
    assert asked > 40


def test_every_operation_of_these_rows_was_walked(described: list[Operation], stage: Stage) -> None:
    """The last of this file: it looks at what the others were answered."""
    succeeded = [
        each for each in described if any(200 <= status < 300 for status in stage.walked.statuses(each))
    ]
    assert [str(each) for each in described if each not in succeeded] == []
