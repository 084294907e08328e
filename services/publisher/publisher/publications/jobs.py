"""Publishing an article: the steps, each recorded before the next, so that any attempt goes on where the last one ended.

What was recorded is not sent again. What was started and not recorded is looked for by its key; "not there" counts only once a
request of the attempt that is gone can no longer arrive. Until then the job is put off and holds no place among the workers.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from mimetypes import guess_extension
from typing import TypeVar
from uuid import UUID

from common.contracts.writer import PublishImage
from common.database import Database, Transaction
from common.jobs.job import AUTOMATION, INTERACTIVE, Job
from common.jobs.worker import GiveUp, JobHandler, NotYet, RetryLater, Work
from common.objects import ObjectStore

from publisher.adapters.target import (
    ExternalMedium,
    ExternalPost,
    MediumFields,
    OutcomeUnknown,
    PostFields,
    PublishTarget,
    TargetError,
    TermFields,
)
from publisher.publications.decisions import (
    PUBLICATION,
    ChooseTarget,
    EndSending,
    FailPublication,
    PublicationCommand,
    RecordGone,
    RecordMedium,
    RecordPost,
    RecordTerm,
    RefuseSending,
    StartMedium,
    StartPost,
)
from publisher.publications.events import Order, Publication, PublicationState, medium_key, post_key
from publisher.publications.placing import Picture, place
from publisher.targets import OpenTarget

# Ten minutes hold an article with many large images on a slow site.
PUBLISH = Job("publish", time_limit=600, attempts=10)
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0

_tried: ContextVar[int | None] = ContextVar("tried", default=None)
"""The version that this context's attempt failed at: the worker runs `run` and `give_up` of an attempt in one task."""

_Found = TypeVar("_Found", ExternalMedium, ExternalPost)


async def ask(tx: Transaction, publication: Publication) -> None:
    """Defer the job of a publication that was just requested."""
    await PUBLISH.defer(
        await tx.reach(),
        account_id=tx.account_id,
        meta=tx.meta,
        arguments={"content_id": publication.order.content_id},
        priority=AUTOMATION if publication.order.run_id else INTERACTIVE,
    )


def handler(
    database: Database,
    objects: ObjectStore,
    open_target: OpenTarget,
    now: Callable[[], datetime],
) -> JobHandler:
    """The job that publishes what is ordered, until nothing is."""

    async def run(work: Work) -> None:
        content_id = UUID(work.arguments["content_id"])
        while (state := await _load(database, work, content_id)).status == "requested":
            _tried.set(state.order.version)
            try:
                async with open_target(work.account_id, state.order.site_id) as opened:
                    attempt = _Attempt(database, objects.of(work.account_id), opened.target, now, work, state)
                    await attempt.publish(opened.name)
            except TargetError as error:
                if not error.retryable:
                    raise GiveUp(error.message) from error
                pause = error.retry_after or min(LONGEST_PAUSE, 2.0**work.attempt)
                raise RetryLater(error.message, pause) from error
        _tried.set(None)

    async def give_up(work: Work, error: BaseException) -> None:
        content_id = UUID(work.arguments["content_id"])
        cause = error if isinstance(error, TargetError) else error.__cause__
        version = _tried.get()
        command = (
            FailPublication(cause.code, cause.message, cause.remedy, version)
            if isinstance(cause, TargetError)
            else FailPublication("PUBLISH_FAILED", _text(error), "Try it again; else tell support.", version)
        )

        async def record(tx: Transaction) -> None:
            state = _known((await tx.handle(PUBLICATION, content_id, command)).state)
            if state.status == "requested":  # a newer version, which came while this one failed
                await ask(tx, state)

        await database.run(work.account_id, record, work.meta)

    return JobHandler(PUBLISH, run, give_up)


class _Attempt:
    """One attempt at one order. `_state` follows what is recorded; the order stays the one it began with."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        target: PublishTarget,
        now: Callable[[], datetime],
        work: Work,
        state: Publication,
    ) -> None:
        self._database = database
        self._objects = objects
        self._target = target
        self._now = now
        self._work = work
        self._order: Order = state.order
        self._state = state

    async def publish(self, target_name: str) -> None:
        await self._decide(ChooseTarget(target_name))
        try:
            await self._place()
        except TargetError as error:
            known = self._state.post
            if error.code != "gone" or known is None:
                raise
            await self._decide(RecordGone(known.external_id))
            await self._place()

    async def _place(self) -> None:
        for term in self._order.terms:
            if term.term_id not in self._state.terms:
                fields = TermFields(taxonomy=term.taxonomy, name=term.name, slug=term.slug)
                made = await self._target.ensure_term(fields, key=str(term.term_id))
                await self._decide(RecordTerm(term.term_id, made.external_id))
        for image in self._images("featured", "in_article"):
            await self._place_medium(image)
        post = await self._place_post(await self._fields())
        await self._decide(RecordPost(self._order.version, post.external_id, post.url))

    async def _place_medium(self, image: PublishImage) -> None:
        key = medium_key(image)
        if key in self._state.media:
            return
        fields, data = self._medium_fields(image), await self._objects.get(image.object)
        found = await self._earlier(key, self._target.find_medium, lambda ended: StartMedium(key, ended))
        if found is None:
            found = await self._send(key, lambda: self._target.upload_medium(fields, data, key=key))
        elif found.alt_text != fields.alt_text:
            found = await self._target.update_medium(found.external_id, fields)
        await self._decide(RecordMedium(key, found.external_id, found.url))

    async def _place_post(self, fields: PostFields) -> ExternalPost:
        if self._state.post is not None:
            return await self._target.update_post(self._state.post.external_id, fields)
        key = post_key(self._order.content_id)
        found = await self._earlier(key, self._target.find_post, StartPost)
        if found is None:
            return await self._send(key, lambda: self._target.create_post(fields, key=key))
        # What an earlier attempt sent may be an older version.
        return await self._target.update_post(found.external_id, fields)

    async def _earlier(
        self,
        key: str,
        find: Callable[[str], Awaitable[_Found | None]],
        start: Callable[[datetime | None], PublicationCommand],
    ) -> _Found | None:
        """What an earlier attempt made under `key`; None says that it is started now, and ours to send.

        Raises `NotYet` for as long as it may still arrive: what was sent last is at work at the site until
        `settle_seconds` after its attempt ended, which for a crash is when it is first missed.
        """
        if self._state.look_first and (found := await find(key)) is not None:
            return found
        if await self._decide(start(None)):
            return None
        looked = self._now()
        if (found := await find(key)) is not None:
            return found
        if self._state.started.get(key) is None:
            await self._decide(EndSending(key, looked))
        ended = self._state.started.get(key)
        settled = ended and ended + timedelta(seconds=self._target.settle_seconds)
        if settled is not None and settled <= looked and await self._decide(start(ended)):
            return None
        unknown = TargetError(
            "outcome_unknown",
            "an attempt was cut off, and what it sent may still arrive at the site",
            "Try it again: it is looked for first.",
        )
        left = (settled - looked).total_seconds() if settled else 0.0
        raise NotYet(unknown.message, max(left, SHORTEST_PAUSE)) from unknown

    async def _send(self, key: str, send: Callable[[], Awaitable[_Found]]) -> _Found:
        """Send once. What surely did not arrive is recorded as such, so that the next attempt need not look."""
        try:
            return await send()
        except OutcomeUnknown as unknown:
            await self._decide(EndSending(key, self._now()))
            pause = max(unknown.settle_seconds, unknown.retry_after or 0.0, SHORTEST_PAUSE)
            raise RetryLater(unknown.message, pause) from unknown
        except TargetError:
            await self._decide(RefuseSending(key))
            raise

    async def _fields(self) -> PostFields:
        order, terms, media = self._order, self._state.terms, self._state.media
        html = (await self._objects.get(order.body)).decode()
        pictures = [
            Picture(media[medium_key(image)].url, image.alt_text) for image in self._images("in_article")
        ]
        featured = [media[medium_key(image)].external_id for image in self._images("featured")]
        return PostFields(
            title=order.title,
            slug=order.slug,
            html=place(html, pictures),
            excerpt=order.excerpt,
            category_ids=tuple(terms[term.term_id] for term in order.terms if term.taxonomy == "category"),
            tag_ids=tuple(terms[term.term_id] for term in order.terms if term.taxonomy == "tag"),
            featured_medium_id=featured[0] if featured else None,
            meta_title=order.meta_title,
            meta_description=order.meta_description,
            primary_keyword=order.primary_keyword,
        )

    def _images(self, *types: str) -> list[PublishImage]:
        chosen = [image for image in self._order.images if image.image_type in types]
        return sorted(chosen, key=lambda image: (types.index(image.image_type), image.position))

    def _medium_fields(self, image: PublishImage) -> MediumFields:
        suffix = guess_extension(image.object.media_type) or ""
        return MediumFields(
            filename=f"{self._order.slug}-{image.image_type.replace('_', '-')}-{image.position + 1}{suffix}",
            media_type=image.object.media_type,
            title=self._order.title,
            alt_text=image.alt_text,
            sha256=image.object.sha256,
        )

    async def _decide(self, command: PublicationCommand) -> bool:
        """Record; says whether this attempt was the one to do so."""
        handled = await self._database.run(
            self._work.account_id,
            lambda tx: tx.handle(PUBLICATION, self._order.content_id, command),
            self._work.meta,
        )
        self._state = _known(handled.state)
        return bool(handled.events)


async def _load(database: Database, work: Work, content_id: UUID) -> Publication:
    async with database.transaction(work.account_id) as tx:
        state, _ = await tx.load(PUBLICATION, content_id)
    return _known(state)


def _known(state: PublicationState) -> Publication:
    assert isinstance(state, Publication), "a job is deferred by its publication's first fact"
    return state


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
