"""Publishing into a folder of HTML pages: what a demo or a static web host needs.

`index.html`, `pages/` and `media/` are for readers. `.igny8/` has one small JSON record for each of our
objects, named by the fingerprint of its key: the record is the fact, pages are drawn from records. A record is
written first, so a crash leaves at worst a page undrawn, which the next `find_post` or publication draws.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec
from common.crash_points import crash_point

from publisher.adapters.article_html import safe_html
from publisher.adapters.folder_pages import GENERATOR, Article, Picture, article_page, index_page
from publisher.adapters.target import (
    ConnectionReport,
    ExternalMedium,
    ExternalPost,
    ExternalRef,
    MediumFields,
    PostFields,
    TargetError,
    TermFields,
    fingerprint,
)

# 255 bytes are the longest file name; suffixes need some.
_LONGEST_SLUG = 200


class _Post(msgspec.Struct, frozen=True):
    id: str
    slug: str
    created_at: datetime
    fields: PostFields


class _Medium(msgspec.Struct, frozen=True):
    id: str
    file: str
    fields: MediumFields


_Record = TypeVar("_Record", _Post, _Medium, TermFields)
_Answer = TypeVar("_Answer")


class FolderTarget:
    """A `PublishTarget`. Several processes may publish into one folder at once; others' files stay untouched.

    `base_url` is where the folder is served; without it, addresses are `file:` URLs.
    """

    settle_seconds = 0.0

    def __init__(self, directory: Path, *, title: str = "Articles", base_url: str | None = None) -> None:
        self._directory = directory.resolve()
        self._title = title
        self._base_url = f"{(base_url or self._directory.as_uri()).rstrip('/')}/"

    async def check(self) -> ConnectionReport:
        """Whether the folder can be written and its index is ours."""
        try:
            await self._locked(lambda: None)
        except TargetError as failure:
            return ConnectionReport(problem=failure.as_problem())
        return ConnectionReport(site_title=self._title)

    async def ensure_term(self, term: TermFields, *, key: str) -> ExternalRef:
        """Remember the term; its slug is its key."""
        return await self._locked(lambda: self._ensure_term(term))

    async def find_medium(self, key: str) -> ExternalMedium | None:
        """The medium of this key, if its file is whole."""
        return await self._locked(lambda: self._find_medium(fingerprint(key)))

    async def upload_medium(self, medium: MediumFields, data: bytes, *, key: str) -> ExternalMedium:
        """Write the file, then its record; again under the same key gives the same file."""
        return await self._locked(lambda: self._upload_medium(medium, data, fingerprint(key)))

    async def update_medium(self, external_id: str, medium: MediumFields) -> ExternalMedium:
        """Set title and alternative text; pages show them when they are drawn next."""
        return await self._locked(lambda: self._update_medium(external_id, medium))

    async def find_post(self, key: str) -> ExternalPost | None:
        """The post of this key; its page and the index are drawn again, in case a crash prevented it."""
        return await self._locked(lambda: self._find_post(fingerprint(key)))

    async def create_post(self, post: PostFields, *, key: str) -> ExternalPost:
        """Make the post; one that this key already has is kept as it is."""
        return await self._locked(lambda: self._create_post(post, fingerprint(key)))

    async def update_post(self, external_id: str, post: PostFields) -> ExternalPost:
        """Replace every field; with another slug the page moves."""
        return await self._locked(lambda: self._update_post(external_id, post))

    async def unpublish_post(self, external_id: str) -> ExternalPost:
        """Take the page and its entry in the index away; the record stays."""
        return await self._locked(lambda: self._unpublish_post(external_id))

    async def aclose(self) -> None:
        """Nothing stays open."""

    async def _locked(self, action: Callable[[], _Answer]) -> _Answer:
        crash_point("site.before_call")
        answer = await asyncio.to_thread(self._run, action)
        crash_point("site.after_call")
        return answer

    def _run(self, action: Callable[[], _Answer]) -> _Answer:
        try:
            for folder in ("pages", "media", ".igny8/post", ".igny8/medium", ".igny8/term"):
                (self._directory / folder).mkdir(parents=True, exist_ok=True)
            with (self._directory / ".igny8" / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._refuse_foreign_index()
                return action()
        except OSError as error:
            raise TargetError(
                "folder_not_writable",
                f"{self._directory} cannot be written: {error.strerror or error}",
                "Give another folder, free some space, or grant the right to write there.",
                retryable=True,
            ) from error

    def _refuse_foreign_index(self) -> None:
        index = self._directory / "index.html"
        if index.exists() and GENERATOR not in index.read_text("utf-8", errors="replace")[:1000]:
            raise TargetError(
                "folder_in_use",
                f"{index} was not made by IGNY8 and would be overwritten",
                "Give an empty folder, or move that file away.",
            )

    def _ensure_term(self, term: TermFields) -> ExternalRef:
        id_ = fingerprint(f"{term.taxonomy}/{term.slug}")
        if self._record(id_, TermFields) is None:
            self._save(id_, term)
        return ExternalRef(external_id=id_)

    def _find_medium(self, id_: str) -> ExternalMedium | None:
        medium = self._record(id_, _Medium)
        if medium is None or not (self._directory / "media" / medium.file).exists():
            return None
        return self._external_medium(medium)

    def _upload_medium(self, fields: MediumFields, data: bytes, id_: str) -> ExternalMedium:
        if found := self._find_medium(id_):
            return found
        if hashlib.sha256(data).hexdigest() != fields.sha256:
            raise ValueError(f"the bytes of {fields.filename} do not have the digest {fields.sha256}")
        name = Path(fields.filename)
        medium = _Medium(id_, f"{_slug(name.stem)}-{id_}{_suffix(name)}", fields)
        _write(self._directory / "media" / medium.file, data)
        self._save(id_, medium)
        return self._external_medium(medium)

    def _update_medium(self, id_: str, fields: MediumFields) -> ExternalMedium:
        medium = msgspec.structs.replace(self._known(id_, _Medium), fields=fields)
        self._save(id_, medium)
        return self._external_medium(medium)

    def _find_post(self, id_: str) -> ExternalPost | None:
        post = self._record(id_, _Post)
        if post is None:
            return None
        self._draw(post)
        return self._external_post(post)

    def _create_post(self, fields: PostFields, id_: str) -> ExternalPost:
        if found := self._find_post(id_):
            return found
        created = fields.publish_at or datetime.now(UTC)
        post = _Post(id_, self._free_slug(fields.slug or fields.title), created, fields)
        self._save(id_, post)
        self._draw(post)
        return self._external_post(post)

    def _update_post(self, id_: str, fields: PostFields) -> ExternalPost:
        old = self._known(id_, _Post)
        same_slug = fields.slug == old.fields.slug
        slug = old.slug if same_slug else self._free_slug(fields.slug or fields.title)
        new = _Post(id_, slug, fields.publish_at or old.created_at, fields)
        self._save(id_, new)
        if new.slug != old.slug:
            self._page(old).unlink(missing_ok=True)
        self._draw(new)
        return self._external_post(new)

    def _unpublish_post(self, id_: str) -> ExternalPost:
        old = self._known(id_, _Post)
        new = msgspec.structs.replace(old, fields=msgspec.structs.replace(old.fields, status="draft"))
        self._save(id_, new)
        self._draw(new)
        return self._external_post(new)

    def _free_slug(self, wanted: str) -> str:
        """The first of `wanted`, `wanted-2`, … that no post of ours has and no page of anyone."""
        wanted = _slug(wanted)
        taken = {post.slug for post in self._records(_Post)}
        slug, number = wanted, 1
        while slug in taken or (self._directory / "pages" / f"{slug}.html").exists():
            number += 1
            slug = f"{wanted}-{number}"
        return slug

    def _draw(self, post: _Post) -> None:
        if post.fields.status == "publish":
            # Relative addresses let the folder move, and work from a disk as on a server.
            html = safe_html(post.fields.html.replace(self._base_url, "../"))
            _write(self._page(post), article_page(self._article(post), html).encode())
        else:
            self._page(post).unlink(missing_ok=True)
        visible = [record for record in self._records(_Post) if record.fields.status == "publish"]
        visible.sort(key=lambda record: (record.created_at, record.id), reverse=True)
        articles = [self._article(record) for record in visible]
        _write(self._directory / "index.html", index_page(self._title, articles).encode())

    def _article(self, post: _Post) -> Article:
        fields = post.fields
        medium = self._record(fields.featured_medium_id, _Medium) if fields.featured_medium_id else None
        return Article(
            title=fields.title,
            page=f"pages/{quote(post.slug)}.html",
            excerpt=fields.excerpt or fields.meta_description,
            meta_title=fields.meta_title,
            meta_description=fields.meta_description,
            published_at=post.created_at,
            picture=Picture(f"media/{quote(medium.file)}", medium.fields.alt_text) if medium else None,
            categories=self._term_names(fields.category_ids),
            tags=self._term_names(fields.tag_ids),
        )

    def _term_names(self, ids: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(term.name for id_ in ids if (term := self._record(id_, TermFields)))

    def _external_post(self, post: _Post) -> ExternalPost:
        url = f"{self._base_url}pages/{quote(post.slug)}.html"
        return ExternalPost(external_id=post.id, url=url, slug=post.slug, status=post.fields.status)

    def _external_medium(self, medium: _Medium) -> ExternalMedium:
        url = f"{self._base_url}media/{quote(medium.file)}"
        return ExternalMedium(external_id=medium.id, url=url, alt_text=medium.fields.alt_text)

    def _page(self, post: _Post) -> Path:
        return self._directory / "pages" / f"{post.slug}.html"

    def _save(self, id_: str, record: _Post | _Medium | TermFields) -> None:
        _write(self._record_path(id_, type(record)), msgspec.json.encode(record))

    def _record(self, id_: str, kind: type[_Record]) -> _Record | None:
        try:
            return msgspec.json.decode(self._record_path(id_, kind).read_bytes(), type=kind)
        except FileNotFoundError:
            return None

    def _known(self, id_: str, kind: type[_Record]) -> _Record:
        record = self._record(id_, kind)
        if record is None:
            raise TargetError("gone", f"{self._directory} has no object {id_}", "Publish it anew.")
        return record

    def _records(self, kind: type[_Record]) -> Iterator[_Record]:
        for path in self._record_path("*", kind).parent.glob("*.json"):
            yield msgspec.json.decode(path.read_bytes(), type=kind)

    def _record_path(self, id_: str, kind: type[_Post | _Medium | TermFields]) -> Path:
        folder = {_Post: "post", _Medium: "medium", TermFields: "term"}[kind]
        # An id comes back from callers, and must not lead out of the folder.
        return self._directory / ".igny8" / folder / f"{Path(id_).name}.json"


def _write(path: Path, data: bytes) -> None:
    """Replace the file as a whole: a reader or a crash never meets half of it."""
    # One name for all attempts (they hold the lock): the next one takes away what a killed one left.
    temporary = path.with_name(f".{path.name[:80]}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with _directory_handle(path.parent) as handle:
        os.fsync(handle)


@contextmanager
def _directory_handle(directory: Path) -> Iterator[int]:
    handle = os.open(directory, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _slug(text: str) -> str:
    """Letters and digits of any script with dashes between, short enough for a file name."""
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", text).lower()).strip("-")
    return words.encode()[:_LONGEST_SLUG].decode(errors="ignore").rstrip("-") or "article"


def _suffix(name: Path) -> str:
    return name.suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", name.suffix) else ""
