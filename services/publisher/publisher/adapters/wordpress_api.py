"""The REST API of one WordPress site: where it is, calls to it, and failures by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from types import TracebackType
from typing import Any, Literal, Self

from common.crash_points import crash_point
from common.outbound import GuardedClient, OutboundError, OutboundGuard, OutboundLimits, RedirectRefused

from publisher.adapters.target import TargetError
from publisher.adapters.wordpress_failures import (
    not_json,
    parse_json,
    problem,
    refusal,
    transport_failure,
    unknown,
)

Method = Literal["GET", "OPTIONS", "POST", "DELETE"]
_INDEX_FIELDS = "name,namespaces,authentication"


@dataclass(frozen=True)
class ApiIndex:
    """Where the API answers and what its index says. `by_query`: the site has no pretty permalinks."""

    by_query: bool
    title: str
    offers_app_passwords: bool


class WordPressApi:
    """Calls as one user with an application password (HTTP Basic, WordPress 5.6 and later)."""

    def __init__(
        self,
        url: str,
        user: str,
        app_password: str,
        guard: OutboundGuard,
        *,
        limits: OutboundLimits,
        settle_seconds: float,
    ) -> None:
        self.url = url.strip().rstrip("/").removesuffix("/wp-json")
        self.settle_seconds = settle_seconds
        self._login = (user, app_password)
        self._client = GuardedClient(
            guard, limits, auth=(user, app_password), headers={"User-Agent": "IGNY8"}
        )
        self._index: ApiIndex | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def index(self) -> ApiIndex:
        """The API's index, read once. Raises `TargetError`."""
        if self._index is None:
            try:
                self._index = await self._read_index(by_query=False)
            except TargetError as failure:
                # Without pretty permalinks /wp-json/ is a page like any other; the query always works.
                if failure.code not in ("not_json", "not_wordpress", "rest_disabled", "blocked", "redirect"):
                    raise
                try:
                    self._index = await self._read_index(by_query=True)
                except TargetError:
                    raise failure from None
        return self._index

    async def read(
        self, path: str, params: Mapping[str, str] | None = None, *, method: Method = "GET"
    ) -> Any:
        """The JSON answer to a call without effect. Raises `TargetError`."""
        return await self._call(method, path, params)

    async def write(
        self,
        path: str,
        *,
        method: Method = "POST",
        params: Mapping[str, str] | None = None,
        json: object = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Any:
        """The JSON answer to a call with effect. Raises `TargetError`, or `OutcomeUnknown`."""
        return await self._call(method, path, params, json=json, data=data, files=files, writes=True)

    async def accepts_login(self) -> bool | None:
        """Whether user name and password are right, asked over XML-RPC, which has them in the body.

        Some sites answer a wrong password like a missing one; only so can a stripped header be told from it.
        None where XML-RPC is closed.
        """
        parameters = "".join(
            f"<param><value><string>{escape(text)}</string></value></param>" for text in self._login
        )
        call = "<methodCall><methodName>wp.getUsersBlogs</methodName><params>{}</params></methodCall>"
        try:
            response = await self._client.request(
                "POST",
                f"{self.url}/xmlrpc.php",
                content=call.format(parameters).encode(),
                headers={"Content-Type": "text/xml"},
            )
        except OutboundError:
            return None
        if "<name>isAdmin</name>" in response.text:
            return True
        return False if "<int>403</int>" in response.text else None

    async def page(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """The text of a public page of the site. Raises `TargetError`."""
        try:
            response = await self._client.request("GET", f"{self.url}{path}", params=params)
        except OutboundError as error:
            raise transport_failure(error) from error
        return response.text if response.is_success else ""

    async def _read_index(self, *, by_query: bool) -> ApiIndex:
        body = await self._send("GET", "/", {"_fields": _INDEX_FIELDS}, by_query=by_query)
        if not isinstance(body, dict) or "wp/v2" not in (body.get("namespaces") or ()):
            raise problem("not_wordpress", "the address answers, but not with WordPress's REST API")
        # PHP writes an empty mapping as a list.
        offers = body.get("authentication") or {}
        return ApiIndex(by_query, str(body.get("name", "")), "application-passwords" in offers)

    async def _call(
        self, method: Method, path: str, params: Mapping[str, str] | None = None, **how: Any
    ) -> Any:
        index = await self.index()
        return await self._send(
            method,
            path,
            params,
            by_query=index.by_query,
            offers_app_passwords=index.offers_app_passwords,
            **how,
        )

    async def _send(
        self,
        method: Method,
        path: str,
        params: Mapping[str, str] | None,
        *,
        by_query: bool,
        offers_app_passwords: bool = True,
        writes: bool = False,
        **body: Any,
    ) -> Any:
        url = f"{self.url}/" if by_query else f"{self.url}/wp-json{path}"
        query = {"rest_route": path, **(params or {})} if by_query else params
        crash_point("site.before_call")
        try:
            response = await self._client.request(method, url, params=query, **body)
        except OutboundError as error:
            failure = transport_failure(error)
            # A redirect is the web server's answer, given before WordPress could act.
            maybe_done = error.may_have_arrived and not isinstance(error, RedirectRefused)
            raise self._judged(failure, writes and maybe_done) from error
        crash_point("site.after_call")
        if not response.is_success:
            failure = refusal(response, path, offers_app_passwords=offers_app_passwords)
            raise self._judged(failure, writes and _may_have_acted(failure))
        answer = parse_json(response)
        if answer is None:
            raise self._judged(not_json(response), writes)
        return answer

    def _judged(self, failure: TargetError, maybe_done: bool) -> TargetError:
        return unknown(failure, self.settle_seconds) if maybe_done else failure


def _may_have_acted(failure: TargetError) -> bool:
    # A PHP error or a gateway's time-out can come after the object was stored; the other refusals come before.
    return failure.code in ("server_error", "timeout")
