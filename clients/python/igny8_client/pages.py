"""Answers that are more than one value: lists in pages, files, live updates."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx

from igny8_client.models import AsOf

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list; `count` is of all pages, None where the list was asked for by cursor.

    A list that is made of what other services say tells `as_of` how far each of them has been heard.
    """

    count: int | None
    results: Sequence[T]
    next_link: str | None
    follow: "Callable[[str], Page[T]]" = field(repr=False, compare=False)
    as_of: Sequence[AsOf] = ()

    def next(self) -> "Page[T] | None":
        """The page after this one."""
        return None if self.next_link is None else self.follow(self.next_link)

    def every(self) -> Iterator[T]:
        """All rows from this page on, fetched page by page. Ask with `cursor=""` for what changes meanwhile."""
        page: Page[T] | None = self
        while page is not None:
            yield from page.results
            page = page.next()


class Download:
    """A file that is still on its way; close it, best by `with`. Reading it takes constant memory, except by `read`."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def content_type(self) -> str:
        return str(self._response.headers.get("Content-Type", ""))

    def read(self) -> bytes:
        return self._response.read()

    def lines(self) -> Iterator[str]:
        return self._response.iter_lines()

    def chunks(self) -> Iterator[bytes]:
        return self._response.iter_bytes()

    def save(self, path: Path) -> None:
        """Write it to a file, which is left incomplete where it breaks off (httpx.TransportError)."""
        with path.open("wb") as file:
            file.writelines(self.chunks())

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True)
class LiveEvent:
    """Something that happened in the account; `id` is where to take up again."""

    id: str
    event: str
    data: Any


def live_events(lines: Iterator[str]) -> Iterator[LiveEvent]:
    """Of a stream of server-sent events (WHATWG HTML §9.2), each with JSON as its data."""
    last, event = "", "message"
    data: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield LiveEvent(last, event, json.loads("\n".join(data)))
            event, data = "message", []
        elif name == "id":
            last = value
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)
