"""A server that misbehaves in each way, and the name that each gets."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from common.outbound import OutboundGuard, OutboundLimits
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from publisher.adapters.target import MediumFields, OutcomeUnknown, PostFields, TargetError
from publisher.adapters.wordpress import WordPressTarget

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
INDEX = {"name": "Site", "namespaces": ["wp/v2"], "authentication": {"application-passwords": {}}}
POST = PostFields(title="T", slug="t", html="<p>t</p>")
MEDIUM = MediumFields(filename="m.png", media_type="image/png", title="T", alt_text="A", sha256="0" * 64)
LOCAL = OutboundGuard(allowed_private=frozenset({"127.0.0.1"}))


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def target_at(
    url: str, guard: OutboundGuard = LOCAL, total: float = 5.0
) -> AsyncIterator[WordPressTarget]:
    limits = OutboundLimits(connect=1, read=total, total=total, response_bytes=100_000)
    target = WordPressTarget(url, "u", "p", guard=guard, limits=limits, settle_seconds=7)
    try:
        yield target
    finally:
        await target.aclose()


def answering(status: int, *, headers: dict[str, str] | None = None, **body: object) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers, **body)  # type: ignore[arg-type]

    return handler


def said(status: int, code: str, message: str = "said") -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"code": code, "message": message}, status=status)

    return handler


def page(status: int, text: str, headers: dict[str, str] | None = None) -> Handler:
    return answering(status, headers=headers, text=text, content_type="text/html")


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (answering(301, headers={"Location": "https://www.example.com/wp-json/"}), "redirect"),
        (page(200, "<html><title>Welcome</title></html>"), "not_json"),
        (answering(200, text="{}", content_type="application/json"), "not_wordpress"),
        (page(404, "<h1>Not found</h1>"), "rest_disabled"),
        (said(404, "rest_no_route"), "rest_disabled"),
        (said(403, "rest_disabled"), "rest_disabled"),
        (said(401, "rest_cannot_access"), "rest_disabled"),
        (said(401, "incorrect_password"), "wrong_password"),
        (said(401, "invalid_username"), "wrong_password"),
        (said(401, "application_passwords_disabled"), "application_passwords_off"),
        (page(401, "no", {"WWW-Authenticate": "Basic"}), "server_password"),
        (page(403, "<h1>Firewall</h1>"), "blocked"),
        (page(503, "Briefly unavailable for scheduled maintenance."), "maintenance"),
        (answering(429), "rate_limited"),
        (page(502, "<h1>Bad gateway</h1>"), "server_error"),
        (answering(200, body=bytes(200_000)), "answer_too_large"),
    ],
)
async def test_the_connection_test_names_it(handler: Handler, code: str) -> None:
    async with serving(handler) as url, target_at(url) as target:
        report = await target.check()
    assert report.problem is not None
    assert report.problem.code == code
    assert report.problem.message
    assert report.problem.remedy


async def check_code(url: str, guard: OutboundGuard = LOCAL) -> str | None:
    async with target_at(url, guard, total=0.5) as target:
        report = await target.check()
    return report.problem.code if report.problem else None


class TestWithoutAnAnswer:
    async def test_no_such_name(self) -> None:
        async def resolver(host: str, port: int) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        assert await check_code("https://nowhere.example", OutboundGuard(resolver=resolver)) == "dns_failed"

    async def test_refused(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            assert await check_code(f"http://127.0.0.1:{unused.getsockname()[1]}") == "connection_refused"

    async def test_private(self) -> None:
        assert await check_code("http://127.0.0.1:1", OutboundGuard()) == "forbidden_address"

    async def test_not_a_url(self) -> None:
        assert await check_code("ftp://example.com") == "invalid_url"

    async def test_too_slow(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        async with serving(handler) as url:
            assert await check_code(url) == "timeout"

    async def test_broken_off(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        async with serving(handler) as url:
            assert await check_code(url) == "connection_lost"

    async def test_a_certificate_of_nobody(self, tmp_path: Path) -> None:
        async with serving(answering(200), self_signed(tmp_path)) as url:
            assert await check_code(url) == "tls_failed"

    async def test_no_tls_at_that_port(self) -> None:
        async with serving(answering(200)) as url:
            assert await check_code(url.replace("http:", "https:")) == "tls_failed"


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    start = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=2))
    certificate = builder.sign(key, hashes.SHA256())
    file = folder / "certificate.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


def a_site_that(on_post: Handler, me: Handler | None = None, index: object = INDEX) -> Handler:
    """A WordPress whose index is in order; it does `on_post` when something is sent."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/wp-json/":
            return web.json_response(index)
        if request.path.endswith("/users/me"):
            if me:
                return await me(request)
            rights = {"publish_posts": True, "upload_files": True}
            return web.json_response({"capabilities": rights})
        if request.method == "POST":
            return await on_post(request)
        return web.json_response([])

    return handler


class TestWhoMayWhat:
    async def test_the_header_is_stripped(self) -> None:
        async with serving(a_site_that(said(500, "x"), me=said(401, "rest_not_logged_in"))) as url:
            assert await check_code(url) == "authorization_stripped"

    async def test_application_passwords_are_not_offered(self) -> None:
        index = {**INDEX, "authentication": []}
        async with serving(a_site_that(said(500, "x"), said(401, "rest_not_logged_in"), index)) as url:
            assert await check_code(url) == "application_passwords_off"

    @pytest.mark.parametrize(
        "refusal",
        [
            page(413, "<h1>Too large</h1>"),
            said(400, "rest_upload_no_data"),
            said(500, "rest_upload_unknown_error", "exceeds <code>upload_max_filesize</code>"),
        ],
    )
    async def test_the_upload_limit(self, refusal: Handler) -> None:
        async with serving(a_site_that(refusal)) as url:
            assert await check_code(url) == "upload_too_large"


class TestWhenSending:
    @pytest.mark.parametrize(
        ("handler", "code"),
        [
            (answering(500), "server_error"),
            (page(504, "<h1>Gateway time-out</h1>"), "server_error"),
            (page(201, "<b>Warning</b> {"), "not_json"),
            (answering(408), "timeout"),
        ],
    )
    async def test_the_outcome_can_be_unknown(self, handler: Handler, code: str) -> None:
        async with serving(a_site_that(handler)) as url, target_at(url) as target:
            with pytest.raises(OutcomeUnknown) as failure:
                await target.create_post(POST, key="k")
        assert failure.value.code == code
        assert failure.value.settle_seconds == 7

    async def test_a_time_out_leaves_the_outcome_unknown(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        async with serving(a_site_that(handler)) as url, target_at(url, total=0.5) as target:
            with pytest.raises(OutcomeUnknown) as failure:
                await target.create_post(POST, key="k")
        assert failure.value.code == "timeout"

    @pytest.mark.parametrize(
        ("handler", "code", "retryable"),
        [
            (said(403, "rest_cannot_create"), "no_publish_right", False),
            (said(400, "rest_invalid_param"), "refused", False),
            (answering(429, headers={"Retry-After": "30"}), "rate_limited", True),
            (answering(503, headers={"Retry-After": "30"}, text="Maintenance"), "maintenance", True),
            (answering(307, headers={"Location": "/x"}), "redirect", False),
            (said(400, "rest_upload_file_error"), "upload_refused", False),
        ],
    )
    async def test_a_plain_refusal_had_no_effect(self, handler: Handler, code: str, retryable: bool) -> None:
        async with serving(a_site_that(handler)) as url, target_at(url) as target:
            with pytest.raises(TargetError) as failure:
                await target.create_post(POST, key="k")
        assert not isinstance(failure.value, OutcomeUnknown)
        assert (failure.value.code, failure.value.retryable) == (code, retryable)
        assert failure.value.retry_after == (30 if retryable else None)

    async def test_a_folder_that_two_uploads_make_at_once_is_no_lasting_refusal(self) -> None:
        """WordPress's own race: one of them is told that the folder cannot be created."""
        failing = said(
            500, "rest_upload_unknown_error", "Unable to create directory wp-content/uploads/2026/11."
        )
        async with serving(a_site_that(failing)) as url, target_at(url) as target:
            with pytest.raises(TargetError) as failure:
                await target.upload_medium(MEDIUM, b"x", key="k")
        assert not isinstance(failure.value, OutcomeUnknown)
        assert (failure.value.code, failure.value.retryable) == ("upload_refused", True)

    async def test_retry_after_can_be_a_date(self) -> None:
        when = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        async with (
            serving(a_site_that(answering(429, headers={"Retry-After": when}))) as url,
            target_at(url) as target,
        ):
            with pytest.raises(TargetError) as failure:
                await target.create_post(POST, key="k")
        assert failure.value.retry_after == pytest.approx(90, abs=5)

    async def test_a_check_after_the_creation_that_fails_leaves_it_unknown(self) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            if request.path == "/wp-json/":
                return web.json_response(INDEX)
            if request.method == "POST":
                return web.json_response({"id": 1}, status=201)
            return web.Response(status=502)

        async with serving(handler) as url, target_at(url) as target:
            with pytest.raises(OutcomeUnknown):
                await target.create_post(POST, key="k")
