"""Where paths go, what needs no caller, and how documents are merged."""

from datetime import UTC, datetime, timedelta

import pytest
from common.api.errors import ApiError
from common.auth.identity import Identity
from common.ids import new_id
from gateway.edge.callers import Access, refuse_writes, require_module
from gateway.edge.forwarder import end_to_end
from gateway.edge.routes import Route, parse_upstreams, route
from gateway.openapi import merge
from gateway.personal import normal_email
from gateway.slugs import given_slug, slug_of
from gateway.users.passwords import check_rules, hash_password, verify_password


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/planner/keywords", Route("planner", "/api/v1/planner/keywords/", None)),
        ("GET", "/api/v1/planner/tasks/1/", Route("writer", "/api/v1/writer/tasks/1/", None)),
        ("GET", "/api/v1/automation/runs/", Route("planner", "/api/v1/automation/runs/", None)),
        ("GET", "/api/v1/integration/x/", Route("publisher", "/api/v1/integration/x/", None)),
        ("GET", "/api/v1/plannerx/", Route(None, "/api/v1/plannerx/", None)),
        ("POST", "/api/v1/auth/login", Route(None, "/api/v1/auth/login/", "auth/login/")),
        ("GET", "/api/v1/auth/me/", Route(None, "/api/v1/auth/me/", None)),
        (
            "GET",
            "/api/v1/writer/images/7/file/",
            Route("writer", "/api/v1/writer/images/7/file/", "writer/images/{}/file/"),
        ),
        (
            "HEAD",
            "/api/v1/writer/images/7/file/",
            Route("writer", "/api/v1/writer/images/7/file/", "writer/images/{}/file/"),
        ),
        ("DELETE", "/api/v1/writer/images/7/file/", Route("writer", "/api/v1/writer/images/7/file/", None)),
        ("GET", "/api/v1/writer/images/7/8/file/", Route("writer", "/api/v1/writer/images/7/8/file/", None)),
        ("GET", "/livez", Route(None, "/livez", "gateway")),
    ],
)
def test_routes(method: str, path: str, expected: Route) -> None:
    assert route(method, path) == expected


def test_upstreams_are_read_or_refused() -> None:
    assert parse_upstreams("planner=http://a:1/, writer=http://b:2") == {
        "planner": "http://a:1",
        "writer": "http://b:2",
    }
    for wrong in ("planner", "gateway=http://a", "planner=ftp://a"):
        with pytest.raises(ValueError, match="IGNY8_UPSTREAMS"):
            parse_upstreams(wrong)


def test_hop_by_hop_headers_stay_behind() -> None:
    sent = [(b"Connection", b"close, X-Mine"), (b"X-Mine", b"1"), (b"TE", b"trailers"), (b"Accept", b"*/*")]
    assert end_to_end(sent) == [(b"accept", b"*/*")]


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "days_left", "path", "method", "refused"),
    [
        ("trial", 1, "/api/v1/planner/keywords/", "POST", None),
        ("trial", 0, "/api/v1/planner/keywords/", "GET", None),
        ("trial", 0, "/api/v1/planner/keywords/", "POST", 402),
        ("trial", 0, "/api/v1/billing/checkout/", "POST", None),
        ("active", 0, "/api/v1/planner/keywords/", "POST", None),
        ("cancelled", 0, "/api/v1/account/sites/", "POST", 402),
        ("suspended", 0, "/api/v1/planner/keywords/", "DELETE", 403),
        ("suspended", 0, "/api/v1/planner/keywords/", "GET", None),
    ],
)
def test_writes_follow_the_standing(
    status: str, days_left: int, path: str, method: str, refused: int | None
) -> None:
    standing = Access("owner", status, NOW + timedelta(days=days_left), 1).plan_status(NOW)
    identity = Identity(account_id=new_id(), role="owner", plan_status=standing)
    if refused is None:
        refuse_writes(identity, method, path)
        return
    with pytest.raises(ApiError) as error:
        refuse_writes(identity, method, path)
    assert error.value.status == refused


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("/api/v1/writer/tasks/", True),
        ("/api/v1/linker/suggestions/", True),
        ("/api/v1/optimizer/suggestions/", False),
        ("/api/v1/planner/keywords/", False),
        ("/api/v1/account/modules/", False),
        ("/api/v1/billing/plans/", False),
        ("/api/schema/", False),
    ],
)
def test_a_module_that_is_off_is_refused(path: str, refused: bool) -> None:
    access = Access("owner", "active", NOW, 1, modules={"writer": False, "optimizer": True})
    identity = Identity(account_id=new_id(), role="owner", modules=access.modules_on)
    if not refused:
        require_module(identity, path)
        return
    with pytest.raises(ApiError) as error:
        require_module(identity, path)
    assert (error.value.status, error.value.code) == (403, "MODULE_DISABLED")


def test_documents_merge_and_clashing_components_are_renamed() -> None:
    def document(path: str, kind: str) -> dict[str, object]:
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}
        operation = {"tags": [path], "operationId": "list", "responses": {"200": {"content": content}}}
        return {
            "openapi": "3.1.0",
            "info": {"title": path, "version": "1"},
            "paths": {f"/{path}/": {"get": operation}},
            "components": {"schemas": {"Out": {"type": kind}, "Same": {"type": "string"}}},
        }

    merged = merge(document("auth", "object"), {"writer": document("writer", "array")})
    assert set(merged["paths"]) == {"/auth/", "/writer/"}
    schemas = merged["components"]["schemas"]
    assert schemas == {"Out": {"type": "object"}, "Same": {"type": "string"}, "WriterOut": {"type": "array"}}
    got = merged["paths"]["/writer/"]["get"]
    assert got["operationId"] == "writer_list"
    assert got["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/WriterOut")
    assert [tag["name"] for tag in merged["tags"]] == ["auth", "writer"]


@pytest.mark.parametrize(
    ("name", "slug"), [("Müller & Söhne", "muller-sohne"), ("日本", "x"), ("a" * 99, "a" * 60)]
)
def test_slugs_of_names(name: str, slug: str) -> None:
    assert slug_of(name) == slug
    assert given_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", "A", "a--b", "-a", "a b", "a" * 61])
def test_what_is_no_slug_is_refused(slug: str) -> None:
    with pytest.raises(ApiError):
        given_slug(slug)


def test_emails_are_normalised() -> None:
    assert normal_email(" Ada.O'Neil+news@Bücher.Example ") == "ada.o'neil+news@bücher.example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a@b",
        "a@b@c.de",
        "a b@c.de",
        "a@b..de",
        "a" * 65 + "@b.de",
        "a@b.de,c",
        "a<b@c.de",
        '"a"@b.de',
    ],
)
def test_what_is_no_email_is_refused(text: str) -> None:
    with pytest.raises(ApiError):
        normal_email(text)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("Short1", "at least 8"),
        ("Aa1" * 100, "at most 256"),
        ("lower-case-1", "upper-case"),
        ("UPPER-CASE-1", "lower-case"),
        ("No-Digits-Here", "digit"),
        ("Password123", "common"),
        ("Ada1@Example.com", "e-mail"),
    ],
)
def test_passwords_follow_the_rules(password: str, rule: str) -> None:
    check_rules("Correct-Horse-7", "ada1@example.com")
    with pytest.raises(ApiError) as error:
        check_rules(password, "ada1@example.com")
    assert rule in error.value.message


async def test_passwords_are_hashed_with_argon2id() -> None:
    hashed = await hash_password("Correct-Horse-7")
    assert hashed.startswith("$argon2id$")
    assert await verify_password("Correct-Horse-7", hashed)
    assert not await verify_password("Wrong-Horse-7", hashed)
    assert not await verify_password("nobody has this password", None)
