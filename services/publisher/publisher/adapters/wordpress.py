"""Publishing to WordPress 6.1 and later through its REST API, without any plugin.

How our objects are found again by key: a post carries the comment `<!-- igny8:… -->` with the key's
fingerprint in its text, which WordPress's search reads in every status, the trash included; its slug stays
clean for readers. A medium has the fingerprint as its slug (`igny8-…`), which no reader sees. A stranger's
object with the same slug carries neither.
"""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from typing import Any

from common.outbound import OutboundGuard, OutboundLimits

from publisher.adapters.article_html import safe_html
from publisher.adapters.target import (
    ConnectionReport,
    ExternalMedium,
    ExternalPost,
    ExternalRef,
    MediumFields,
    PostFields,
    TargetError,
    Taxonomy,
    TermFields,
    fingerprint,
)
from publisher.adapters.wordpress_api import WordPressApi
from publisher.adapters.wordpress_failures import TermExists, problem, unknown

# PHP's own limit counts computing time only; web servers give up waiting for PHP after 60 s (nginx, Apache's
# FastCGI), and what PHP still does then is short.
SETTLE_SECONDS = 60.0
# Article images in their largest type weigh about this much.
UPLOAD_PROBE_BYTES = 1_500_000

_POSTS, _MEDIA = "/wp/v2/posts", "/wp/v2/media"
_TERMS: Mapping[Taxonomy, str] = {"category": "/wp/v2/categories", "tag": "/wp/v2/tags"}
_POST_SHAPE = "id,link,slug,status,author,title.raw,content.raw"
_MEDIUM_SHAPE = "id,source_url,alt_text,slug,post"
# `any` leaves the trash out. Custom states of editorial plugins are in it.
_ANY_STATUS = "any,trash"
# A late arrival is among the newest posts; this many more in the meantime would be a flood.
_NEWEST = 50
# WordPress makes a slug unique by -2, -3, …: more late duplicates than this would need as many time-outs.
_MOST_DUPLICATES = 5
_MARK = re.compile(r"<!-- igny8:[0-9a-f]{20} -->")
_LAST_CLOSING = re.compile(r"(?s)(.*)(</(?:p|li|h[1-6]|td|dd|blockquote)>)")
# The fields of the two common SEO plugins, by what they hold. Stock WordPress drops unregistered fields.
_SEO_FIELDS: Mapping[str, Mapping[str, str]] = {
    "yoast": {
        "_yoast_wpseo_title": "meta_title",
        "_yoast_wpseo_metadesc": "meta_description",
        "_yoast_wpseo_focuskw": "primary_keyword",
    },
    "rank_math": {
        "rank_math_title": "meta_title",
        "rank_math_description": "meta_description",
        "rank_math_focus_keyword": "primary_keyword",
    },
}


class WordPressTarget:
    """A `PublishTarget`: one site, as one user with an application password.

    Keep it for several calls: it holds its connection and what it learnt about the site. Close it with
    `aclose`. Several may work on one site at once, but only one on one key.
    """

    def __init__(
        self,
        url: str,
        user: str,
        app_password: str,
        *,
        guard: OutboundGuard,
        limits: OutboundLimits | None = None,
        settle_seconds: float = SETTLE_SECONDS,
        upload_probe_bytes: int = UPLOAD_PROBE_BYTES,
    ) -> None:
        self._api = WordPressApi(
            url, user, app_password, guard, limits=limits or OutboundLimits(), settle_seconds=settle_seconds
        )
        self._upload_probe_bytes = upload_probe_bytes
        self._seo_fields: Mapping[str, str] | None = None

    @property
    def settle_seconds(self) -> float:
        """How long after its caller is gone a request may still make an object appear."""
        return self._api.settle_seconds

    async def aclose(self) -> None:
        """Close every connection."""
        await self._api.aclose()

    async def check(self) -> ConnectionReport:
        """What stands in the way of publishing, or the site's title, version and the user's rights."""
        try:
            index = await self._api.index()
            rights = await self._rights()
            for right in ("publish_posts", "upload_files"):
                if right not in rights:
                    code = "no_publish_right" if right == "publish_posts" else "no_upload_right"
                    raise problem(code, f"the user has no right to {right.replace('_', ' ')}")
            await self._probe_upload()
            fields = await self._registered_seo_fields()
        except TargetError as failure:
            return ConnectionReport(problem=(await self._explained(failure)).as_problem())
        return ConnectionReport(
            site_title=html.unescape(index.title),
            version=await self._version(),
            rights=rights,
            seo_plugins=tuple(name for name, known in _SEO_FIELDS.items() if known.keys() & fields.keys()),
        )

    async def ensure_term(self, term: TermFields, *, key: str) -> ExternalRef:
        """The term with this slug, or else with this name; made if there is none. The slug is its key.

        WordPress may keep both of two that are made at once, the later one under another slug, where nobody finds it:
        its maker takes the older one and deletes it.
        """
        path = _TERMS[term.taxonomy]
        found = await self._terms_of(path, term)
        if not found:
            try:
                made = await self._api.write(path, json={"name": term.name, "slug": term.slug})
            except TermExists as exists:
                return ExternalRef(external_id=exists.term_id)
            found = _with(made, await self._terms_of(path, term))
            if made["slug"] != term.slug and len(found) > 1:
                with suppress(TargetError):  # who may make a term need not be allowed to delete one
                    await self._delete(path, made)
        return ExternalRef(external_id=str(min(each["id"] for each in found)))

    async def _terms_of(self, path: str, term: TermFields) -> list[Any]:
        found: list[Any] = await self._api.read(path, {"slug": term.slug, "_fields": "id"})
        return found

    async def find_medium(self, key: str) -> ExternalMedium | None:
        """The oldest medium of this key; later ones, from attempts that came through late, are deleted."""
        found = await self._media_of(key)
        return _medium(await self._oldest_medium(found)) if found else None

    async def upload_medium(self, medium: MediumFields, data: bytes, *, key: str) -> ExternalMedium:
        """Upload, then make sure that it is the only one of its key."""
        mark = f"igny8-{fingerprint(key)}"
        made = await self._api.write(
            _MEDIA,
            data={"slug": mark, **_medium_texts(medium)},
            files={"file": (_ascii_name(medium.filename, mark), data, medium.media_type)},
        )
        try:
            found = await self._media_of(key)
            return _medium(await self._oldest_medium(_with(made, found)))
        except TargetError as failure:
            raise unknown(failure, self.settle_seconds) from failure

    async def update_medium(self, external_id: str, medium: MediumFields) -> ExternalMedium:
        """Set title and alternative text."""
        return _medium(await self._api.write(f"{_MEDIA}/{int(external_id)}", json=_medium_texts(medium)))

    async def find_post(self, key: str) -> ExternalPost | None:
        """The oldest post of this key; identical later ones, from late attempts, are deleted."""
        # Some plugins replace the search, so the newest posts are looked through as well.
        found = await self._posts_of(key) or await self._newest_posts_of(key)
        return _post(await self._oldest_post(found)) if found else None

    async def create_post(self, post: PostFields, *, key: str) -> ExternalPost:
        """Make the post, then make sure that it is the only one of its key."""
        made = await self._api.write(_POSTS, json=await self._post_body(post, _mark(key)))
        try:
            found = await self._posts_of(key)
            return _post(await self._oldest_post(_with(made, found)))
        except TargetError as failure:
            raise unknown(failure, self.settle_seconds) from failure

    async def update_post(self, external_id: str, post: PostFields) -> ExternalPost:
        """Replace every field; the mark of its key stays."""
        body = await self._post_body(post, await self._mark_of(external_id) or "")
        return _post(await self._api.write(f"{_POSTS}/{int(external_id)}", json=body))

    async def unpublish_post(self, external_id: str) -> ExternalPost:
        """Make it a draft, if it is one of ours."""
        if await self._mark_of(external_id) is None:
            raise problem("not_ours", f"post {external_id} of this site does not carry our mark")
        return _post(await self._api.write(f"{_POSTS}/{int(external_id)}", json={"status": "draft"}))

    async def _mark_of(self, external_id: str) -> str | None:
        path = f"{_POSTS}/{int(external_id)}"
        post = await self._api.read(path, {"context": "edit", "_fields": "content.raw"})
        mark = _MARK.search(post["content"]["raw"])
        return mark.group() if mark else None

    async def _rights(self) -> tuple[str, ...]:
        me = await self._api.read("/wp/v2/users/me", {"context": "edit", "_fields": "capabilities"})
        return tuple(sorted(name for name, granted in me["capabilities"].items() if granted))

    async def _explained(self, failure: TargetError) -> TargetError:
        if failure.code != "authorization_stripped":
            return failure
        match await self._api.accepts_login():
            case True:
                return problem(failure.code, "the Authorization header does not reach WordPress")
            case False:
                return problem("wrong_password", "WordPress does not accept user name and password")
            case None:
                return failure

    async def _probe_upload(self) -> None:
        """Send a file of a type that WordPress refuses after it has arrived: only its size can matter."""
        probe = ("igny8-probe.igny8", bytes(self._upload_probe_bytes), "application/octet-stream")
        try:
            stored = await self._api.write(_MEDIA, data={"title": "IGNY8"}, files={"file": probe})
        except TargetError as failure:
            if failure.code != "upload_refused":
                raise
        else:  # The site lets its administrators upload files of every type.
            await self._delete(_MEDIA, stored)

    async def _version(self) -> str | None:
        index = await self._api.index()
        feed = ("/", {"feed": "rss2"}) if index.by_query else ("/feed/", None)
        try:
            found = re.search(
                r"<generator>https://wordpress\.org/\?v=([\w.-]+)<", await self._api.page(*feed)
            )
        except TargetError:
            return None
        return found.group(1) if found else None

    async def _registered_seo_fields(self) -> Mapping[str, str]:
        if self._seo_fields is None:
            answer = await self._api.read(_POSTS, {"_fields": "schema.properties.meta"}, method="OPTIONS")
            registered = answer["schema"]["properties"].get("meta", {}).get("properties") or {}
            self._seo_fields = {
                field: ours
                for known in _SEO_FIELDS.values()
                for field, ours in known.items()
                if field in registered
            }
        return self._seo_fields

    async def _post_body(self, post: PostFields, mark: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            # Titles and excerpts are HTML for WordPress, ours are plain text.
            "title": html.escape(post.title, quote=False),
            "slug": post.slug,
            "content": _marked(safe_html(post.html), mark),
            "excerpt": html.escape(post.excerpt, quote=False),
            "status": post.status,
            "categories": [int(term) for term in post.category_ids],
            "tags": [int(term) for term in post.tag_ids],
            "featured_media": int(post.featured_medium_id or 0),
        }
        if post.publish_at is not None:
            body["date_gmt"] = post.publish_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        if post.meta_title or post.meta_description or post.primary_keyword:
            fields = await self._registered_seo_fields()
            if fields:
                body["meta"] = {field: getattr(post, ours) for field, ours in fields.items()}
        return body

    async def _posts_of(self, key: str) -> list[Any]:
        query = {"search": f"igny8:{fingerprint(key)}", "per_page": "100"}
        return await self._marked_posts(key, query)

    async def _newest_posts_of(self, key: str) -> list[Any]:
        return await self._marked_posts(key, {"per_page": str(_NEWEST)})

    async def _marked_posts(self, key: str, query: Mapping[str, str]) -> list[Any]:
        shape = {"context": "edit", "status": _ANY_STATUS, "orderby": "id", "_fields": _POST_SHAPE}
        posts = await self._api.read(_POSTS, {**shape, **query})
        return [post for post in posts if _mark(key) in post["content"]["raw"]]

    async def _oldest_post(self, posts: Sequence[Any]) -> Any:
        # One that someone put into the trash gives way to one that is still there.
        kept, *later = sorted(posts, key=lambda post: (post["status"] == "trash", post["id"]))
        for post in later:
            # A copy that somebody made and edited in WordPress carries our mark too, and is theirs.
            if all(post[name] == kept[name] for name in ("author", "status")) and all(
                post[name]["raw"] == kept[name]["raw"] for name in ("title", "content")
            ):
                await self._delete(_POSTS, post)
        return kept

    async def _media_of(self, key: str) -> list[Any]:
        mark = f"igny8-{fingerprint(key)}"
        slugs = [mark, *(f"{mark}-{number}" for number in range(2, _MOST_DUPLICATES + 1))]
        query = {"slug": ",".join(slugs), "status": "inherit,private", "per_page": "100", "context": "edit"}
        found: list[Any] = await self._api.read(_MEDIA, {**query, "_fields": _MEDIUM_SHAPE})
        return found

    async def _oldest_medium(self, media: Sequence[Any]) -> Any:
        kept, *later = sorted(media, key=lambda medium: medium["id"])
        for medium in later:
            if not medium["post"]:
                await self._delete(_MEDIA, medium)
        return kept

    async def _delete(self, path: str, item: Any) -> None:
        try:
            await self._api.write(f"{path}/{item['id']}", method="DELETE", params={"force": "true"})
        except TargetError as failure:
            if failure.code != "gone":
                raise


def _mark(key: str) -> str:
    return f"<!-- igny8:{fingerprint(key)} -->"


def _marked(text: str, mark: str) -> str:
    """`text` with the mark inside its last block: after it, WordPress would wrap it in a paragraph of its own."""
    found = _LAST_CLOSING.match(text)
    return f"{found[1]}{mark}{text[found.start(2) :]}" if found else text + mark


def _with(made: Any, found: Iterable[Any]) -> list[Any]:
    """All of them, once each. A search index or a database replica can lag behind what was just made."""
    return list({item["id"]: item for item in (made, *found)}.values())


def _post(answer: Any) -> ExternalPost:
    return ExternalPost(
        external_id=str(answer["id"]), url=answer["link"], slug=answer["slug"], status=answer["status"]
    )


def _medium(answer: Any) -> ExternalMedium:
    return ExternalMedium(
        external_id=str(answer["id"]), url=answer["source_url"], alt_text=answer["alt_text"]
    )


def _medium_texts(medium: MediumFields) -> dict[str, str]:
    return {"title": html.escape(medium.title, quote=False), "alt_text": medium.alt_text}


def _ascii_name(filename: str, fallback: str) -> str:
    """A file name that every file system and web server of a host serves as it is."""
    stem, dot, suffix = filename.rpartition(".")
    stem = re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-").lower()[:80] or fallback
    return f"{stem}{dot}{suffix}"
