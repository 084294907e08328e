"""The port to the place where articles are published.

Every object carries our `key` (say, the content's UUID), by which it can be found again without any memory of
having made it. The caller records "started", then calls `create_post` or `upload_medium`, then records the
answer. When an earlier attempt may have reached the target, it calls `find_post` or `find_medium` first: at
once for an object that may be finished, and only a `settle_seconds` after the attempt's end (or the crash)
may "not found" be taken as "send again". The caller's own time-outs do not shorten that time: they say how long
we wait for the site, not how long it works.
"""

import hashlib
from datetime import datetime
from typing import Literal, Protocol

import msgspec

PostStatus = Literal["publish", "draft", "pending", "private", "future"]
Taxonomy = Literal["category", "tag"]


class TermFields(msgspec.Struct, frozen=True, kw_only=True):
    """A category or tag; the slug identifies it."""

    taxonomy: Taxonomy
    name: str
    slug: str


class MediumFields(msgspec.Struct, frozen=True, kw_only=True):
    """An image; `sha256` is the hexadecimal digest of its bytes."""

    filename: str
    media_type: str
    title: str
    alt_text: str
    sha256: str


class PostFields(msgspec.Struct, frozen=True, kw_only=True):
    """An article. Texts are plain, only `html` is HTML; ids are those that the target gave.

    `publish_at` (with its time zone) is needed for the status `future`; else it is the date of the post.
    """

    title: str
    slug: str
    html: str
    excerpt: str = ""
    status: PostStatus = "publish"
    category_ids: tuple[str, ...] = ()
    tag_ids: tuple[str, ...] = ()
    featured_medium_id: str | None = None
    meta_title: str = ""
    meta_description: str = ""
    primary_keyword: str = ""
    publish_at: datetime | None = None


class ExternalRef(msgspec.Struct, frozen=True, kw_only=True):
    """A term as the target knows it."""

    external_id: str


class ExternalMedium(msgspec.Struct, frozen=True, kw_only=True):
    """An image as the target has it; `url` is what goes into an article's HTML.

    An empty `alt_text` on a medium that was found means an interrupted upload: call `update_medium`.
    """

    external_id: str
    url: str
    alt_text: str


class ExternalPost(msgspec.Struct, frozen=True, kw_only=True):
    """A post as the target has it; `status` can be one that only the target knows, such as `trash`."""

    external_id: str
    url: str
    slug: str
    status: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, under a stable code, and what to do about it."""

    code: str
    message: str
    remedy: str


class ConnectionReport(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a connection test: connected when there is no problem.

    `version` is None where the site hides it; `rights` are the target's own names of them; `seo_plugins` are
    those whose fields the site lets us write.
    """

    problem: Problem | None = None
    site_title: str = ""
    version: str | None = None
    rights: tuple[str, ...] = ()
    seo_plugins: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether publishing can work."""
        return self.problem is None


class TargetError(Exception):
    """The target refused or could not be reached; nothing was changed there.

    `retryable` says whether the same call can succeed later without anyone's help, `retry_after` (seconds)
    what the target asked for.
    """

    def __init__(
        self,
        code: str,
        message: str,
        remedy: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.retryable = retryable
        self.retry_after = retry_after

    def as_problem(self) -> Problem:
        """The same for a report."""
        return Problem(code=self.code, message=self.message, remedy=self.remedy)


class OutcomeUnknown(TargetError):
    """The request may have had its effect, or may still have it within `settle_seconds`.

    After a `create_post` or `upload_medium`: look with the matching `find_…` after that time, and only then
    send again. Every other call may simply be repeated.
    """

    def __init__(
        self, code: str, message: str, remedy: str, *, settle_seconds: float, retry_after: float | None = None
    ) -> None:
        super().__init__(code, message, remedy, retryable=True, retry_after=retry_after)
        self.settle_seconds = settle_seconds


class PublishTarget(Protocol):
    """Where articles go. Every method but `check` raises `TargetError`, and `OutcomeUnknown` where it writes.

    The code `gone` means that the object of the given id is not there any more.
    """

    @property
    def settle_seconds(self) -> float:
        """How long after its caller is gone a request may still make an object appear."""
        ...

    async def check(self) -> ConnectionReport:
        """Whether publishing would work, without changing anything at the target."""
        ...

    async def ensure_term(self, term: TermFields, *, key: str) -> ExternalRef:
        """The term with this slug (or else this name), made if there is none."""
        ...

    async def find_medium(self, key: str) -> ExternalMedium | None:
        """The medium that was uploaded under `key`."""
        ...

    async def upload_medium(self, medium: MediumFields, data: bytes, *, key: str) -> ExternalMedium:
        """Store an image with its title and alternative text."""
        ...

    async def update_medium(self, external_id: str, medium: MediumFields) -> ExternalMedium:
        """Set title and alternative text of a stored image."""
        ...

    async def find_post(self, key: str) -> ExternalPost | None:
        """The post that was made under `key`, whatever its status, the trash included."""
        ...

    async def create_post(self, post: PostFields, *, key: str) -> ExternalPost:
        """Make the post. The target may change the slug to one that is free."""
        ...

    async def update_post(self, external_id: str, post: PostFields) -> ExternalPost:
        """Replace every field of a post."""
        ...

    async def unpublish_post(self, external_id: str) -> ExternalPost:
        """Make a post a draft; its text stays at the target."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


def fingerprint(key: str) -> str:
    """`key` as 20 hexadecimal digits, which fit into slugs, file names and comments."""
    return hashlib.sha256(key.encode()).hexdigest()[:20]
