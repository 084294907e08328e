"""HTTP to addresses that users give us, guarded against server-side request forgery.

A name is resolved once for each connection, every address it has is checked, and the connection goes to
exactly that address, so an answer that changes later (DNS rebinding) reaches nothing. The name stays in the
`Host` header and in TLS.
"""

import asyncio
import errno
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import SOCK_STREAM, gaierror
from types import TracebackType
from typing import Any, Self

import httpcore
import httpx
from opentelemetry import propagate, trace
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes
from opentelemetry.trace import SpanKind, Status, StatusCode

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

_tracer = trace.get_tracer(__name__)

# Only 2000::/3 is handed out for the public IPv6 internet (RFC 4291); what is below it but tunnels to IPv4
# (Teredo, 6to4) could carry a private address inside.
_PUBLIC_IPV6 = ip_network("2000::/3")
_TUNNELS = (ip_network("2001::/32"), ip_network("2002::/16"))
# What `is_global` of Python 3.11 misses or sees otherwise: carrier-grade NAT (RFC 6598), where Alibaba's metadata
# service lives too, protocol assignments (Oracle's), the 6to4 relay, and Azure's, which is a public address.
_FORBIDDEN_IPV4 = tuple(
    map(ip_network, ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))
)


class OutboundError(Exception):
    """A request that got no usable answer; `may_have_arrived` says whether the server may have acted on it."""

    may_have_arrived = False


class ForbiddenUrl(OutboundError):
    """The URL is not an http or https address without credentials."""


class ForbiddenAddress(OutboundError):
    """The host is, or resolves to, an address that is not on the public internet."""


class NameNotResolved(OutboundError):
    """The host's name has no address."""


class ConnectionRefused(OutboundError):
    """Nothing listens at the host's port."""


class HostUnreachable(OutboundError):
    """No route to the host, or the network reported an error while connecting."""


class TlsFailed(OutboundError):
    """No secure connection: an invalid certificate, or no TLS at that port."""


class OutboundTimeout(OutboundError):
    """A time limit passed."""


class ConnectionLost(OutboundError):
    """The connection ended, or spoke something other than HTTP, before the answer was complete."""


class ResponseTooLarge(OutboundError):
    """The answer is longer than the limit."""


class RedirectRefused(OutboundError):
    """The server answered with a redirect to `location`; none is followed, as it could lead anywhere."""

    def __init__(self, message: str, location: str) -> None:
        super().__init__(message)
        self.location = location


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of `host` as the system knows them. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: Address) -> bool:
    """Whether `address` is an ordinary host on the public internet."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _PUBLIC_IPV6 or any(address in tunnel for tunnel in _TUNNELS):
            return False
    elif any(address in network for network in _FORBIDDEN_IPV4):
        return False
    return address.is_global and not address.is_multicast


@dataclass(frozen=True)
class OutboundGuard:
    """Which user-given addresses may be reached.

    `allowed_private` lists hosts (`wordpress.internal`) or hosts with a port (`127.0.0.1:8080`, `[::1]:80`)
    that the operator permits although they are private.
    """

    allowed_private: frozenset[str] = frozenset()
    resolver: Resolver = field(default=resolve, repr=False)

    async def check(self, url: str) -> httpx.URL:
        """Parse `url` and resolve its host, without connecting.

        Raises `ForbiddenUrl`, `ForbiddenAddress` or `NameNotResolved`.
        """
        parsed = parse(url)
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        await self.addresses(parsed.raw_host.decode("ascii"), port)
        return parsed

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses to connect to, all of them permitted.

        Raises `NameNotResolved`, or `ForbiddenAddress` if even one address is not permitted.
        """
        try:
            found = await self.resolver(host, port)
        except (gaierror, UnicodeError) as error:
            raise NameNotResolved(f"{host} has no address: {error}") from error
        if not found:
            raise NameNotResolved(f"{host} has no address")
        if not self._is_listed(host, port):
            for text in found:
                if not is_public(ip_address(text)):
                    raise ForbiddenAddress(
                        f"{host} leads to {text}, which is not on the public internet; "
                        "only the operator can permit private addresses"
                    )
        return found

    def _is_listed(self, host: str, port: int) -> bool:
        name = host.lower().strip("[]").rstrip(".")
        names = (f"[{name}]", name) if ":" in name else (name,)
        listed = {entry.lower() for entry in self.allowed_private}
        return any(entry in listed for name in names for entry in (name, f"{name}:{port}"))


def parse(url: str) -> httpx.URL:
    """`url` as an address we may call. Raises `ForbiddenUrl`."""
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ForbiddenUrl(f"this is not a valid URL: {error}") from error
    if parsed.scheme not in ("http", "https"):
        raise ForbiddenUrl("the URL must start with https:// or http://")
    if not parsed.host:
        raise ForbiddenUrl("the URL names no host")
    if parsed.userinfo:
        raise ForbiddenUrl("the URL must not contain a user name or password")
    return parsed


@dataclass(frozen=True)
class OutboundLimits:
    """Seconds for connecting, for each read or write, and for the whole exchange; bytes for the answer."""

    connect: float = 10.0
    read: float = 60.0
    total: float = 120.0
    response_bytes: int = 16 * 1024 * 1024


class GuardedClient:
    """An HTTP client that reaches only what its guard permits. Use it as an asynchronous context manager."""

    def __init__(
        self,
        guard: OutboundGuard,
        limits: OutboundLimits | None = None,
        *,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or OutboundLimits()
        self._client = httpx.AsyncClient(
            transport=_GuardedTransport(guard, verify),
            auth=httpx.BasicAuth(*auth) if auth else None,
            # Compressed answers could unfold to far more than the limit within one chunk.
            headers={"Accept-Encoding": "identity", **(headers or {})},
            timeout=httpx.Timeout(self._limits.read, connect=self._limits.connect),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The complete answer, whatever its status. Raises an `OutboundError`."""
        target = parse(url)
        if params:
            target = target.copy_merge_params(dict(params))
        exchange = _Exchange(target.host)
        with _tracer.start_as_current_span(
            method,
            kind=SpanKind.CLIENT,
            attributes={
                http_attributes.HTTP_REQUEST_METHOD: method,
                server_attributes.SERVER_ADDRESS: target.host,
                server_attributes.SERVER_PORT: target.port or (443 if target.scheme == "https" else 80),
            },
            # The message of an error may show what the user's server said.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            sent_headers = dict(headers or {})
            propagate.inject(sent_headers)
            request = self._client.build_request(
                method, target, json=json, content=content, data=data, files=files, headers=sent_headers,
                extensions={"trace": exchange.observe},
            )  # fmt: skip
            try:
                async with exchange.named_errors(), asyncio.timeout(self._limits.total):
                    response = await self._complete(request, target.host)
            except OutboundError as error:
                span.set_attribute(error_attributes.ERROR_TYPE, type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise
            span.set_attribute(http_attributes.HTTP_RESPONSE_STATUS_CODE, response.status_code)
            if response.is_error:
                span.set_status(Status(StatusCode.ERROR))
        return response

    async def _complete(self, request: httpx.Request, host: str) -> httpx.Response:
        response = await self._client.send(request, stream=True)
        try:
            if response.has_redirect_location:
                location = response.headers["location"]
                raise RedirectRefused(f"{host} redirects to {_without_query(location)}", location)
            body = bytearray()
            unfold = _unfolding(response.headers.get("content-encoding", "identity"), host)
            most = self._limits.response_bytes
            async for chunk in response.aiter_raw():
                body += unfold(chunk, most + 1 - len(body))
                if len(body) > most:
                    raise ResponseTooLarge(f"{host} answered with more than {most} bytes")
        finally:
            await response.aclose()
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=request)


def _unfolding(encoding: str, host: str) -> Callable[[bytes, int], bytes]:
    """At most so many bytes of what a chunk holds: a few hundred bytes can unfold to hundreds of megabytes.

    Some servers compress although they are asked not to. Raises `ConnectionLost` for what is neither plain nor folded once.
    """
    match encoding.strip().lower():
        case "identity" | "":
            return lambda chunk, most: chunk
        case "gzip" | "x-gzip" | "deflate":
            unfolding = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)

            def unfold(chunk: bytes, most: int) -> bytes:
                try:
                    return unfolding.decompress(chunk, most)
                except zlib.error as error:
                    raise ConnectionLost(f"{host} sent what cannot be unpacked: {error}") from error

            return unfold
    raise ConnectionLost(f"{host} compresses its answers although it is asked not to")


def _without_query(location: str) -> str:
    # A query can carry a token, and the message ends in logs.
    return location.split("?", 1)[0].split("#", 1)[0]


class _Exchange:
    """Whether a request has begun to leave, and its failures under our names."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._left = False

    async def observe(self, event: str, _info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self._left = True

    @asynccontextmanager
    async def named_errors(self) -> AsyncIterator[None]:
        try:
            yield
        except OutboundError as error:
            error.may_have_arrived = self._left
            raise
        except (TimeoutError, httpx.TimeoutException) as error:
            what = "did not answer" if self._left else "could not be reached"
            raise self._named(OutboundTimeout(f"{self._host} {what} in time")) from error
        except httpx.ConnectError as error:
            raise TlsFailed(f"no secure connection to {self._host}: {_tls_reason(error)}") from error
        except httpx.TransportError as error:
            text = f"the connection to {self._host} broke off: {error or type(error).__name__}"
            raise self._named(ConnectionLost(text)) from error

    def _named(self, error: OutboundError) -> OutboundError:
        error.may_have_arrived = self._left
        return error


def _tls_reason(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not valid ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    return str(error) or "the server does not speak TLS at this port"


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class _GuardedTransport(httpx.AsyncHTTPTransport):
    def __init__(self, guard: OutboundGuard, verify: ssl.SSLContext | None) -> None:
        super().__init__(verify=verify or _tls(), trust_env=False)
        # httpx offers no parameter for the network backend, so its pool is replaced by one that has ours.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify or _tls(),
            network_backend=_GuardedNetwork(guard),
            # Servers close idle connections after 5 s or more (Apache's default); reusing one at that very
            # moment would look like a request of unknown outcome.
            keepalive_expiry=2.0,
        )


def guarded_client(guard: OutboundGuard, limits: OutboundLimits) -> httpx.AsyncClient:
    """For libraries that want a client of their own making; `limits.total` is theirs to keep.

    Its failures to connect are `OutboundError`s; an answer that grows too long ends in `ResponseTooLarge`.
    """
    return httpx.AsyncClient(
        transport=_BoundedTransport(guard, limits.response_bytes),
        headers={"Accept-Encoding": "identity"},
        timeout=httpx.Timeout(limits.read, connect=limits.connect),
        follow_redirects=False,
        trust_env=False,
    )


class _BoundedTransport(_GuardedTransport):
    def __init__(self, guard: OutboundGuard, most: int) -> None:
        super().__init__(guard, None)
        self._most = most

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        if response.headers.get("content-encoding", "identity") != "identity":
            # It could unfold to anything.
            await response.stream.aclose()
            raise ConnectionLost(f"{request.url.host} compresses its answers although it is asked not to")
        bounded = _Bounded(response.stream, self._most, request.url.host)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=bounded, extensions=response.extensions
        )


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, most: int, host: str) -> None:
        self._stream = stream
        self._most = most
        self._host = host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise ResponseTooLarge(f"{self._host} answered with more than {self._most} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    def __init__(self, guard: OutboundGuard) -> None:
        self._guard = guard
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        deadline = time.monotonic() + timeout if timeout is not None else None
        async with asyncio.timeout(timeout):
            addresses = await self._guard.addresses(host, port)
        failure: Exception | None = None
        for address in addresses:
            left = max(deadline - time.monotonic(), 0.01) if deadline is not None else None
            try:
                return await self._network.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        if isinstance(failure, httpcore.ConnectTimeout):
            raise OutboundTimeout(f"{host}:{port} could not be reached in time") from failure
        if _errno(failure) == errno.ECONNREFUSED:
            raise ConnectionRefused(f"nothing answers at {host}:{port}") from failure
        raise HostUnreachable(f"{host}:{port} cannot be reached: {failure}") from failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise ForbiddenAddress("a Unix socket is not on the public internet")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _errno(error: BaseException | None) -> int | None:
    while error is not None:
        if isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        error = error.__cause__ or error.__context__
    return None
