"""Requests as the API wants them, and its answers as values or an ApiError."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, TypeVar, cast
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel, TypeAdapter

from igny8_client.errors import ApiError, error_of
from igny8_client.models import AsOf
from igny8_client.pages import Download, LiveEvent, Page, live_events

T = TypeVar("T")
Id = UUID | str
Upload = Path | tuple[str, bytes | BinaryIO]
"""A file by its path, or its name and content. An open file is sent once, and not again where that fails."""

TRIES = 4
FIRST_PAUSE_SECONDS = 0.25
"""Doubled with each try, where the answer names no `Retry-After`."""
LONGEST_PAUSE_SECONDS = 60.0
"""A longer `Retry-After` is the caller's to wait for."""
SILENCE_SECONDS = 90.0
"""An open stream says something every few seconds: after this it is dead."""
_NOT_DONE = frozenset((429, 503))
"""The request was not begun, so that any may be sent again."""
_CREDENTIALS = frozenset(("authorization", "x-api-key"))
_UNKNOWN = frozenset((502, 504))
"""It may have been done: only what may be done twice is sent again."""


@dataclass(frozen=True)
class Call:
    """One operation with its values; `query` and `form` without those that are None."""

    method: str
    path: str
    query: Mapping[str, Any] | None = None
    body: BaseModel | None = None
    form: Mapping[str, Any] | None = None
    file: Upload | None = None
    idempotency_key: str | None = None
    if_match: int | str | None = None


class Connection:
    """Thread-safe. `send` is what every method of the client ends in."""

    def __init__(self, http: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._http = http
        self.sleep = sleep
        self._refresh: str | None = None
        self._refreshing = Lock()

    def close(self) -> None:
        self._http.close()

    def sign_in(self, access: str, refresh: str | None = None) -> None:
        """Call with these tokens from now on; with a refresh token they are renewed when they have expired."""
        self._http.headers["Authorization"] = f"Bearer {access}"
        self._refresh = refresh

    def one(self, call: Call, kind: type[T]) -> T:
        """The answer's `data` as `kind`, any type that pydantic can check."""
        return _read(kind, self.data(call))

    def none(self, call: Call) -> None:
        self.send(call)

    def page(self, call: Call, kind: type[T]) -> Page[T]:
        return self._page(self.data(call), kind)

    def data(self, call: Call) -> Any:
        """The `data` of a success; raises ApiError, also for an answer that is not this API's."""
        response = self.send(call)
        try:
            return response.json()["data"]
        except (ValueError, KeyError, TypeError):
            raise error_of(response) from None

    def download(self, call: Call) -> Download:
        """An answer that is not read yet."""
        return Download(self.send(call, stream=True))

    def live(self, call: Call, last_event_id: str | None) -> Generator[LiveEvent, None, None]:
        """What happens from now on, or after an event; takes up again where a connection ends. It never ends itself."""
        while True:
            headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
            try:
                with Download(self.send(call, stream=True, headers=headers)) as stream:
                    for event in live_events(stream.lines()):
                        last_event_id = event.id
                        yield event
            except httpx.TransportError:
                self.sleep(FIRST_PAUSE_SECONDS)

    def send(
        self, call: Call, *, stream: bool = False, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The answer, if it is a success; with `stream` its body has not been read.

        Tries again, with the same Idempotency-Key, where that cannot do anything twice. Raises ApiError, and
        httpx.TransportError where none of the tries was answered.
        """
        given = {**_headers(call), **(headers or {})}
        renewed = False
        tries = 0
        while True:
            tries += 1
            access = self._http.headers.get("Authorization")
            try:
                response = self._try(call, given, stream)
            except httpx.TransportError as failed:
                if tries == TRIES or not (isinstance(failed, httpx.ConnectError) or self._repeatable(call)):
                    raise
                self.sleep(FIRST_PAUSE_SECONDS * 2**tries)
                continue
            if response.is_success:
                return response
            response.read()
            error = error_of(response)
            if error.status == 401 and not renewed and self._renew(access):
                renewed = True
                continue
            pause = _pause(error, tries)
            if tries == TRIES or pause > LONGEST_PAUSE_SECONDS or not self._worth_another(call, error):
                raise error
            self.sleep(pause)

    def _try(self, call: Call, headers: Mapping[str, str], stream: bool) -> httpx.Response:
        with ExitStack() as opened:
            files = None if call.file is None else {"file": _opened(call.file, opened)}
            request = self._http.build_request(
                call.method,
                call.path.removeprefix("/"),
                params=_texts(call.query) or None,  # none: the path may be a link with its own
                json=None
                if call.body is None
                else call.body.model_dump(mode="json", exclude_unset=True, by_alias=True),
                data=_texts(call.form) or None,
                files=files,
                headers=headers,
            )
            if stream:
                limits = cast(dict[str, float | None], request.extensions["timeout"])
                request.extensions["timeout"] = {**limits, "read": SILENCE_SECONDS}
            return self._http.send(request, stream=stream)

    def _repeatable(self, call: Call) -> bool:
        """Whether doing it twice is doing it once: reading, and a POST that its account's key tells from others."""
        if isinstance(call.file, tuple) and not isinstance(call.file[1], bytes):
            return False
        signed_in = not _CREDENTIALS.isdisjoint(self._http.headers)
        return call.method == "GET" or (call.method == "POST" and signed_in)

    def _worth_another(self, call: Call, error: ApiError) -> bool:
        if error.status in _UNKNOWN or error.code == "REQUEST_IN_PROGRESS":
            return self._repeatable(call)
        return error.status in _NOT_DONE

    def _renew(self, refused: str | None) -> bool:
        """Whether there is another access token than the one that was refused."""
        with self._refreshing:
            if self._http.headers.get("Authorization") != refused:
                return True  # another thread was faster
            if self._refresh is None:
                return False
            response = self._http.post("auth/refresh/", json={"refresh": self._refresh})
            if not response.is_success:
                self._refresh = None
                return False
            tokens = response.json()["data"]
            self.sign_in(tokens["access"], tokens["refresh"])
            return True

    def _page(self, data: Any, kind: type[T]) -> Page[T]:
        return Page(
            count=data["count"],
            results=[_read(kind, each) for each in data["results"]],
            next_link=data["next"],
            follow=lambda link: self._page(self.data(Call("GET", _below(self._http, link))), kind),
            as_of=[_read(AsOf, each) for each in data.get("as_of", ())],
        )


def _headers(call: Call) -> dict[str, str]:
    headers = {}
    if call.method == "POST":
        headers["Idempotency-Key"] = call.idempotency_key or str(uuid4())
    if call.if_match is not None:
        headers["If-Match"] = f'"{call.if_match}"' if isinstance(call.if_match, int) else call.if_match
    return headers


def _pause(error: ApiError, tries: int) -> float:
    """Seconds before the next try."""
    return FIRST_PAUSE_SECONDS * 2**tries if error.retry_after is None else error.retry_after


def _texts(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _text(value) for name, value in (values or {}).items() if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return [_text(each) for each in value] if isinstance(value, list | tuple) else value


def _opened(file: Upload, opened: ExitStack) -> tuple[str, bytes | BinaryIO]:
    return (file.name, opened.enter_context(file.open("rb"))) if isinstance(file, Path) else file


def _below(http: httpx.Client, link: str) -> str:
    """A list's own link, which begins at the host, as what follows the client's base."""
    return link.removeprefix(http.base_url.path)


def _read(kind: type[T], value: Any) -> T:
    key: Any = kind
    checked: T = _adapter(key).validate_python(value)
    return checked


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
