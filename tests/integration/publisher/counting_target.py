"""A target that counts what it makes, loses answers on demand, and lets late requests arrive."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from publisher.adapters.target import (
    ConnectionReport,
    ExternalMedium,
    ExternalPost,
    ExternalRef,
    MediumFields,
    OutcomeUnknown,
    PostFields,
    TargetError,
    TermFields,
)
from publisher.targets import Opened


@dataclass
class CountingTarget:
    """`posts` and `media` by key, one entry for each that was made: a second one is a duplicate."""

    settle_seconds: float = 0.0
    name: str = "folder:/counting"
    posts: list[tuple[str, PostFields]] = field(default_factory=list)
    media: list[tuple[str, MediumFields]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    trouble: Callable[[str], None] = lambda _call: None
    """Called before each call; what it raises is the call's answer."""
    lost: Callable[[str], None] = lambda _call: None
    """Called after something was made; what it raises is the call's answer."""

    async def check(self) -> ConnectionReport:
        return ConnectionReport(site_title="Counting")

    async def ensure_term(self, term: TermFields, *, key: str) -> ExternalRef:
        self._called("ensure_term")
        return ExternalRef(external_id=f"term-{term.slug}")

    async def find_medium(self, key: str) -> ExternalMedium | None:
        self._called("find_medium")
        found = next((fields for known, fields in self.media if known == key), None)
        return self._medium(key, found) if found else None

    async def upload_medium(self, medium: MediumFields, data: bytes, *, key: str) -> ExternalMedium:
        self._called("upload_medium")
        self.media.append((key, medium))
        self.lost("upload_medium")
        return self._medium(key, medium)

    async def update_medium(self, external_id: str, medium: MediumFields) -> ExternalMedium:
        self._called("update_medium")
        return self._medium(external_id.removeprefix("medium-"), medium)

    async def find_post(self, key: str) -> ExternalPost | None:
        self._called("find_post")
        return self._post(key) if any(known == key for known, _ in self.posts) else None

    async def create_post(self, post: PostFields, *, key: str) -> ExternalPost:
        self._called("create_post")
        self.posts.append((key, post))
        self.lost("create_post")
        return self._post(key)

    async def update_post(self, external_id: str, post: PostFields) -> ExternalPost:
        self._called("update_post")
        key = external_id.removeprefix("post-")
        there = [n for n, (known, _) in enumerate(self.posts) if known == key]
        if not there:
            raise TargetError("gone", "it is not there any more", "Publish it anew.")
        (index,) = there
        self.posts[index] = (key, post)
        return self._post(key)

    async def unpublish_post(self, external_id: str) -> ExternalPost:
        self._called("unpublish_post")
        return self._post(external_id.removeprefix("post-"))

    async def aclose(self) -> None:
        return None

    @asynccontextmanager
    async def open(self, account_id: UUID, site_id: UUID) -> AsyncIterator[Opened]:
        yield Opened(self.name, self)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.trouble(name)

    @staticmethod
    def _medium(key: str, fields: MediumFields) -> ExternalMedium:
        url = f"https://site/{key}.png"
        return ExternalMedium(external_id=f"medium-{key}", url=url, alt_text=fields.alt_text)

    @staticmethod
    def _post(key: str) -> ExternalPost:
        return ExternalPost(external_id=f"post-{key}", url=f"https://site/{key}", slug="s", status="publish")


def refused(*, retryable: bool) -> TargetError:
    return TargetError(
        "no_publish_right", "the user may not publish", "Give it the right.", retryable=retryable
    )


def unknown(settle_seconds: float = 0.0) -> OutcomeUnknown:
    return OutcomeUnknown(
        "timeout", "no answer came", "Nothing: it is looked after.", settle_seconds=settle_seconds
    )
