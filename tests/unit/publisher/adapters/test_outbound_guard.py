"""Which user-given addresses may be reached, and that a connection goes to the address that was checked."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from common.outbound import (
    ConnectionLost,
    ConnectionRefused,
    ForbiddenAddress,
    ForbiddenUrl,
    GuardedClient,
    NameNotResolved,
    OutboundGuard,
    OutboundLimits,
    OutboundTimeout,
    RedirectRefused,
    ResponseTooLarge,
    guarded_client,
)

PUBLIC = "93.184.216.34"
LOCAL = OutboundGuard(allowed_private=frozenset({"127.0.0.1"}))


class Answers:
    """A resolver that gives one answer after the other and counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0)


@asynccontextmanager
async def serving(answer: bytes, seen: list[bytes] | None = None) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(request)
        if answer:
            writer.write(answer)
            await writer.drain()
            writer.close()
        else:
            await reader.read()
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def folded(body: bytes, encoding: str) -> bytes:
    headers = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return headers.encode() + body


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class TestRefusesTheUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "example.com",
            "http://",
            "https://user:secret@example.com/",
            "https://user@example.com/",
            "http://[::1",
            "http://exa mple.com\r\nHost: x/",
        ],
    )
    async def test_of_another_form(self, url: str) -> None:
        with pytest.raises(ForbiddenUrl) as refused:
            await LOCAL.check(url)
        assert "secret" not in str(refused.value)


class TestRefusesTheAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://0/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://localhost/",
            "http://localhost./",
            "http://127.0.0.1./",
        ],
    )
    async def test_of_this_machine_in_every_spelling(self, url: str) -> None:
        # A resolver may not know a spelling at all; that is as good a refusal.
        with pytest.raises((ForbiddenAddress, NameNotResolved, ForbiddenUrl)):
            await OutboundGuard().check(url)

    @pytest.mark.parametrize(
        "address",
        [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.100.100.200",
            "169.254.169.254",
            "168.63.129.16",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "::ffff:169.254.169.254",
        ],
    )
    async def test_that_is_not_on_the_public_internet(self, address: str) -> None:
        with pytest.raises(ForbiddenAddress, match="public internet"):
            await OutboundGuard(resolver=Answers([address])).check("https://evil.example/")

    async def test_when_one_of_several_is_private(self) -> None:
        with pytest.raises(ForbiddenAddress):
            await OutboundGuard(resolver=Answers([PUBLIC, "10.0.0.1"])).check("https://evil.example/")


class TestPermits:
    @pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
    async def test_the_public_internet(self, address: str) -> None:
        url = await OutboundGuard(resolver=Answers([address])).check("https://example.com/blog")
        assert url.host == "example.com"

    @pytest.mark.parametrize(
        ("listed", "url", "address"),
        [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/", "127.0.0.1"),
            ("wordpress.internal", "https://WordPress.internal/", "10.0.0.7"),
            ("[::1]:80", "http://[::1]/", "::1"),
            ("::1", "http://[::1]:81/", "::1"),
        ],
    )
    async def test_what_the_operator_lists(self, listed: str, url: str, address: str) -> None:
        await OutboundGuard(frozenset({listed}), Answers([address])).check(url)

    async def test_only_the_port_that_is_listed(self) -> None:
        guard = OutboundGuard(frozenset({"127.0.0.1:8080"}), Answers(["127.0.0.1"]))
        with pytest.raises(ForbiddenAddress):
            await guard.check("http://127.0.0.1:5432/")


class TestConnecting:
    async def test_an_answer_that_turns_private_after_the_check_reaches_nothing(self) -> None:
        seen: list[bytes] = []
        async with serving(ok(b""), seen) as port:
            resolver = Answers([PUBLIC], ["127.0.0.1"])
            guard = OutboundGuard(resolver=resolver)
            await guard.check(f"http://rebind.example:{port}/")
            async with GuardedClient(guard) as client:
                with pytest.raises(ForbiddenAddress) as refused:
                    await client.request("GET", f"http://rebind.example:{port}/")
        assert seen == []
        assert not refused.value.may_have_arrived

    async def test_goes_to_the_address_that_was_checked_with_the_name_in_the_host_header(self) -> None:
        seen: list[bytes] = []
        async with serving(ok(b"here"), seen) as port:
            # A second question would find the list empty, and the name means nothing to the system.
            resolver = Answers(["127.0.0.1"])
            guard = OutboundGuard(frozenset({"site.invalid"}), resolver)
            async with GuardedClient(guard) as client:
                answer = await client.request("GET", f"http://site.invalid:{port}/a?b=c")
        assert answer.text == "here"
        assert resolver.asked == ["site.invalid"]
        assert seen[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
        assert f"Host: site.invalid:{port}".encode() in seen[0]

    async def test_goes_to_the_checked_address_wherever_else_the_name_leads(self) -> None:
        seen: list[bytes] = []
        async with serving(ok(b"here"), seen) as port:
            guard = OutboundGuard(frozenset({"localhost"}), Answers(["127.0.0.2"]))
            async with GuardedClient(guard) as client:
                with pytest.raises(
                    ConnectionRefused
                ):  # nobody listens there, but at what the system calls localhost
                    await client.request("GET", f"http://localhost:{port}/")
        assert seen == []

    async def test_tries_the_next_address_when_one_refuses(self) -> None:
        async with serving(ok(b"here")) as port:
            guard = OutboundGuard(frozenset({"site.invalid"}), Answers(["127.0.0.2", "127.0.0.1"]))
            async with GuardedClient(guard) as client:
                assert (await client.request("GET", f"http://site.invalid:{port}/")).text == "here"

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    async def test_reads_what_is_folded_though_it_asked_not_to(self, encoding: str) -> None:
        packed = gzip.compress(b"here") if encoding == "gzip" else zlib.compress(b"here")
        async with serving(folded(packed, encoding)) as port, GuardedClient(LOCAL) as client:
            assert (await client.request("GET", f"http://127.0.0.1:{port}/")).text == "here"

    @pytest.mark.parametrize(
        ("folds", "error"), [(1, ResponseTooLarge), (2, ConnectionLost), (3, ConnectionLost)]
    )
    async def test_unfolds_no_more_than_the_limit(self, folds: int, error: type[Exception]) -> None:
        """Some hundred bytes that hold hundreds of megabytes."""
        body = b"\0" * 50_000_000
        for _ in range(folds):
            body = gzip.compress(body)
        answer = folded(body, ", ".join(["gzip"] * folds))
        async with serving(answer) as port, GuardedClient(LOCAL) as client:
            tracemalloc.start()
            try:
                with pytest.raises(error):
                    await client.request("GET", f"http://127.0.0.1:{port}/")
                assert tracemalloc.get_traced_memory()[1] < 40_000_000
            finally:
                tracemalloc.stop()

    async def test_what_is_not_folded_as_it_says_breaks_off(self) -> None:
        async with serving(folded(b"abc", "gzip")) as port, GuardedClient(LOCAL) as client:
            with pytest.raises(ConnectionLost, match="unpacked"):
                await client.request("GET", f"http://127.0.0.1:{port}/")

    async def test_follows_no_redirect(self) -> None:
        answer = (
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/?t=secret\r\nContent-Length: 0\r\n\r\n"
        )
        async with serving(answer) as port, GuardedClient(LOCAL) as client:
            with pytest.raises(RedirectRefused, match=r"169\.254\.169\.254") as refused:
                await client.request("GET", f"http://127.0.0.1:{port}/")
        assert "secret" not in str(refused.value)

    async def test_follows_no_redirect_even_to_a_permitted_place(self) -> None:
        seen: list[bytes] = []
        async with serving(ok(b"there"), seen) as there:
            answer = (
                b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % there
            )
            async with serving(answer) as port, GuardedClient(LOCAL) as client:
                with pytest.raises(RedirectRefused):
                    await client.request("GET", f"http://127.0.0.1:{port}/")
        assert seen == []

    @pytest.mark.parametrize("length", [b"Content-Length: 2000\r\n", b"Connection: close\r\n"])
    async def test_stops_reading_at_the_limit(self, length: bytes) -> None:
        answer = b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + b"x" * 2000
        limits = OutboundLimits(response_bytes=1000)
        async with serving(answer) as port, GuardedClient(LOCAL, limits) as client:
            with pytest.raises(ResponseTooLarge):
                await client.request("GET", f"http://127.0.0.1:{port}/")

    @pytest.mark.parametrize("limits", [OutboundLimits(read=0.1), OutboundLimits(total=0.1)])
    async def test_gives_up_in_time_and_says_that_it_may_have_arrived(self, limits: OutboundLimits) -> None:
        async with serving(b"") as port, GuardedClient(LOCAL, limits) as client:
            with pytest.raises(OutboundTimeout) as refused:
                await client.request("POST", f"http://127.0.0.1:{port}/", json={})
        assert refused.value.may_have_arrived

    async def test_an_answer_that_is_cut_short_is_none(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
        async with serving(answer) as port, GuardedClient(LOCAL) as client:
            with pytest.raises(ConnectionLost) as refused:
                await client.request("POST", f"http://127.0.0.1:{port}/", json={})
        assert refused.value.may_have_arrived

    async def test_no_proxy_of_the_environment_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        async with serving(ok(b"here")) as port, GuardedClient(LOCAL) as client:
            assert (await client.request("GET", f"http://127.0.0.1:{port}/")).text == "here"


class TestClientForLibraries:
    async def test_reaches_what_is_permitted_and_nothing_else(self) -> None:
        async with serving(ok(b"hello")) as port:
            async with guarded_client(LOCAL, OutboundLimits()) as client:
                assert (await client.get(f"http://127.0.0.1:{port}/")).text == "hello"
            async with guarded_client(OutboundGuard(), OutboundLimits()) as client:
                with pytest.raises(ForbiddenAddress):
                    await client.get(f"http://127.0.0.1:{port}/")

    @pytest.mark.parametrize("length", [b"Content-Length: 2000\r\n", b""])
    async def test_reads_no_more_than_the_limit(self, length: bytes) -> None:
        answer = b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + b"x" * 2000
        limits = OutboundLimits(response_bytes=1000)
        async with serving(answer) as port, guarded_client(LOCAL, limits) as client:
            with pytest.raises(ResponseTooLarge):
                await client.get(f"http://127.0.0.1:{port}/")

    async def test_unfolds_nothing(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
        async with serving(answer) as port, guarded_client(LOCAL, OutboundLimits()) as client:
            with pytest.raises(ConnectionLost, match="compresses"):
                await client.get(f"http://127.0.0.1:{port}/")

    async def test_follows_no_redirect(self) -> None:
        answer = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
        async with serving(answer) as port, guarded_client(LOCAL, OutboundLimits()) as client:
            assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 302
