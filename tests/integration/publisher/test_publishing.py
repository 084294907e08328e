"""Publishing, with a crash between any two facts: exactly one post and one of each medium."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from common.contracts.gateway import SecretRef, SiteWordPressConfigured
from common.contracts.publisher import ContentPublished, PublishFailed
from common.contracts.writer import ContentReadyToPublish, ImageType, PublishImage, TermItem
from common.database import Database
from common.ids import new_id, stable_id
from common.jobs.worker import GiveUp, JobHandler, NotYet, RetryLater
from publisher.adapters.target import ExternalPost, PostFields
from publisher.publications import jobs

from tests.integration.publisher.counting_target import CountingTarget, refused, unknown
from tests.integration.writer.service_parts import Parts, Tenant

TERMS = (
    TermItem(term_id=stable_id("leasing"), taxonomy="category", name="Leasing", slug="leasing"),
    TermItem(term_id=stable_id("forklifts"), taxonomy="tag", name="Forklifts", slug="forklifts"),
)
HTML = b"<p>Intro</p><h2>One</h2><p>a</p><h2>Two</h2><p>b</p>"


class Killed(BaseException):
    """The process is gone: nothing of its own may catch this."""


async def ready(
    publisher: Parts, tenant: Tenant, content_id: UUID, *, version: int = 1, run_id: UUID | None = None
) -> ContentReadyToPublish:
    kinds: tuple[ImageType, ...] = ("featured", "in_article")
    objects = publisher.runtime.objects.of(tenant.id)
    images = [
        PublishImage(
            image_id=stable_id(content_id, kind),
            image_type=kind,
            position=0,
            alt_text=f"A {kind} picture",
            object=await objects.put(kind.encode(), "image/png"),
        )
        for kind in kinds
    ]
    return ContentReadyToPublish(
        content_id=content_id,
        version=version,
        site_id=tenant.site,
        sector_id=tenant.sector,
        content_type="post",
        title=f"Leasing a forklift, version {version}",
        slug="leasing-a-forklift",
        excerpt="On leasing.",
        body=await objects.put(HTML, "text/html"),
        meta_title="Leasing",
        meta_description="On leasing.",
        primary_keyword="forklift leasing",
        terms=TERMS,
        images=tuple(images),
        run_id=run_id,
    )


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def handler(publisher: Parts, target: CountingTarget, clock: Clock | None = None) -> JobHandler:
    return jobs.handler(publisher.database, publisher.runtime.objects, target.open, clock or Clock())


async def run_until_done(
    publisher: Parts, target: CountingTarget, publish: JobHandler | None = None, attempts: int = 10
) -> int:
    """Run the one due job, again after each kill, as the next worker would; returns the number of attempts."""
    (job,) = await publisher.due()
    for attempt in range(1, attempts + 1):
        try:
            await (publish or handler(publisher, target)).run(publisher.attempt(job, attempt))
        except (Killed, RetryLater):
            continue
        await publisher.done(job)
        return attempt
    raise AssertionError("not done after all attempts")


def keys(made: list[tuple[str, Any]]) -> list[str]:
    return sorted(key for key, _ in made)


async def test_an_article_is_published_with_its_terms_and_images(publisher: Parts, tenant: Tenant) -> None:
    target, content_id, run = CountingTarget(), new_id(), new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id, run_id=run))
    assert await run_until_done(publisher, target) == 1
    ((key, post),) = target.posts
    assert key == str(content_id)
    assert (post.category_ids, post.tag_ids) == (("term-leasing",), ("term-forklifts",))
    featured, in_article = target.media
    assert post.featured_medium_id == f"medium-{featured[0]}"
    assert (
        f'Two</h2>\n<figure><img src="https://site/{in_article[0]}.png" alt="A in_article picture"'
        in post.html
    )
    assert [fields.alt_text for _, fields in target.media] == ["A featured picture", "A in_article picture"]
    (said,) = await publisher.said(tenant, ContentPublished)
    assert (said.content_id, said.version, said.run_id) == (content_id, 1, run)
    assert said.external_url == f"https://site/{content_id}"


class KilledAt:
    """The database of a process that is killed once, before or after the commit of one step."""

    def __init__(self, database: Database, step: int, *, after: bool) -> None:
        self._database = database
        self._left = step
        self._after = after
        self.transaction = database.transaction

    async def run(self, account_id: UUID, work: Callable[..., Any], meta: Any) -> Any:
        self._left -= 1
        if self._left == -1 and not self._after:
            raise Killed
        result = await self._database.run(account_id, work, meta)
        if self._left == -1:
            raise Killed
        return result


@pytest.mark.parametrize("after", [False, True])
async def test_a_kill_at_every_record_makes_nothing_twice(
    publisher: Parts, tenant: Tenant, after: bool
) -> None:
    steps = await _steps(publisher, tenant)
    assert steps == 9, "the target, two terms, two media started and uploaded, the post started and published"
    for step in range(steps):
        target, content_id = CountingTarget(), new_id()
        await publisher.hear(tenant, await ready(publisher, tenant, content_id))
        database = cast(Database, KilledAt(publisher.database, step, after=after))
        publish = jobs.handler(database, publisher.runtime.objects, target.open, Clock())
        assert await run_until_done(publisher, target, publish) == 2, "killed once"
        assert keys(target.posts) == [str(content_id)], step
        assert len(set(keys(target.media))) == len(target.media) == 2, step
        said = await publisher.said(tenant, ContentPublished)
        assert [fact.content_id for fact in said].count(content_id) == 1, step


async def _steps(publisher: Parts, tenant: Tenant) -> int:
    """How many commands one publication takes."""
    target, content_id = CountingTarget(), new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    await run_until_done(publisher, target)
    made = [fact for fact in await publisher.facts(tenant) if fact.stream == f"publication-{content_id}"]
    return len(made) - 1  # the request came before the job


@pytest.mark.parametrize("call", ["upload_medium", "create_post"])
async def test_a_kill_between_the_sites_answer_and_its_record(
    publisher: Parts, tenant: Tenant, call: str
) -> None:
    killed = iter([Killed()])

    def lost(name: str) -> None:
        if name == call and (kill := next(killed, None)):
            raise kill

    target, content_id = CountingTarget(lost=lost), new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    assert await run_until_done(publisher, target) == 2
    assert (len(target.posts), len(target.media)) == (1, 2)
    assert target.calls.count(call) == {"upload_medium": 2, "create_post": 1}[call], "one call each"


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_unknown_outcome_is_looked_up_and_sent_again_only_when_absent(
    publisher: Parts, tenant: Tenant, arrived: bool
) -> None:
    silent = iter([unknown()])

    def no_answer(name: str) -> None:
        if name == "create_post" and (error := next(silent, None)):
            raise error

    target = CountingTarget(lost=no_answer) if arrived else CountingTarget(trouble=no_answer)
    await publisher.hear(tenant, await ready(publisher, tenant, new_id()))
    assert await run_until_done(publisher, target) == 2
    assert len(target.posts) == 1
    assert target.calls.count("create_post") == (1 if arrived else 2)
    assert target.calls.count("find_post") == 1


class TestALostRequest:
    """It may still arrive: the job is put off for as long, and nothing is sent meanwhile."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def target(self) -> CountingTarget:
        return CountingTarget(settle_seconds=60.0)

    @pytest.fixture
    def publish(self, publisher: Parts, target: CountingTarget, clock: Clock) -> JobHandler:
        return handler(publisher, target, clock)

    @pytest.fixture
    async def job(self, publisher: Parts, tenant: Tenant) -> Any:
        await publisher.hear(tenant, await ready(publisher, tenant, new_id()))
        (job,) = await publisher.due()
        return job

    @pytest.fixture
    async def cut_off(
        self, publisher: Parts, target: CountingTarget, publish: JobHandler, job: Any
    ) -> tuple[str, PostFields]:
        """The key and post of a request that is on its way when its process is killed."""
        on_its_way: list[tuple[str, PostFields]] = []
        create = target.create_post

        async def killed(post: PostFields, *, key: str) -> ExternalPost:
            on_its_way.append((key, post))
            raise Killed

        target.create_post = killed  # type: ignore[method-assign]
        with pytest.raises(Killed):
            await publish.run(publisher.attempt(job))
        target.create_post = create  # type: ignore[method-assign]
        (sent,) = on_its_way
        return sent

    async def put_off(self, publisher: Parts, publish: JobHandler, job: Any, attempt: int) -> float:
        """For how many seconds."""
        with pytest.raises(NotYet) as later:
            await publish.run(publisher.attempt(job, attempt))
        return later.value.seconds

    async def test_that_arrives_late_is_the_one_post(
        self,
        publisher: Parts,
        target: CountingTarget,
        publish: JobHandler,
        job: Any,
        clock: Clock,
        cut_off: tuple[str, PostFields],
    ) -> None:
        assert await self.put_off(publisher, publish, job, 2) == 60
        clock.go_on(59)
        assert await self.put_off(publisher, publish, job, 3) == 1
        target.posts.append(cut_off)
        clock.go_on(1)
        await publish.run(publisher.attempt(job, 4))
        assert keys(target.posts) == [cut_off[0]]
        assert target.calls.count("create_post") == 0, "only the late one came"

    async def test_that_never_arrives_is_sent_again(
        self,
        publisher: Parts,
        target: CountingTarget,
        publish: JobHandler,
        job: Any,
        clock: Clock,
        cut_off: tuple[str, PostFields],
    ) -> None:
        await self.put_off(publisher, publish, job, 2)
        clock.go_on(60)
        await publish.run(publisher.attempt(job, 3))
        assert keys(target.posts) == [cut_off[0]]

    async def test_that_never_arrives_is_sent_again_by_one_of_two(
        self,
        publisher: Parts,
        tenant: Tenant,
        target: CountingTarget,
        publish: JobHandler,
        job: Any,
        clock: Clock,
        cut_off: tuple[str, PostFields],
    ) -> None:
        """A job that was taken for dead too early runs twice."""
        await self.put_off(publisher, publish, job, 2)
        clock.go_on(60)
        both = asyncio.Barrier(2)
        find = target.find_post

        async def together(key: str) -> ExternalPost | None:
            found = await find(key)
            await both.wait()
            return found

        target.find_post = together  # type: ignore[method-assign]
        ends = await asyncio.gather(
            *(publish.run(publisher.attempt(job, n)) for n in (3, 4)), return_exceptions=True
        )
        assert sorted(type(end).__name__ for end in ends) == ["NoneType", "NotYet"]
        assert keys(target.posts) == [cut_off[0]]
        assert len(await publisher.said(tenant, ContentPublished)) == 1

    async def test_without_an_answer_is_looked_for_once_it_has_settled(
        self, publisher: Parts, target: CountingTarget, publish: JobHandler, job: Any, clock: Clock
    ) -> None:
        def silent(name: str) -> None:
            if name == "create_post":
                raise unknown(settle_seconds=60)

        target.trouble = silent
        with pytest.raises(RetryLater) as later:
            await publish.run(publisher.attempt(job))
        assert later.value.seconds == 60
        target.trouble = lambda _call: None
        clock.go_on(20)
        assert await self.put_off(publisher, publish, job, 2) == 40
        clock.go_on(40)
        await publish.run(publisher.attempt(job, 3))
        assert len(target.posts) == 1

    async def test_fails_in_the_end_with_what_to_do(
        self,
        publisher: Parts,
        tenant: Tenant,
        target: CountingTarget,
        publish: JobHandler,
        job: Any,
    ) -> None:
        def silent(name: str) -> None:
            if name == "create_post":
                raise unknown(settle_seconds=60)

        target.trouble = silent
        with pytest.raises(RetryLater) as later:
            await publish.run(publisher.attempt(job, publish.job.attempts))
        assert not isinstance(later.value, NotYet), "it counts, so it comes to an end"
        assert publish.give_up is not None
        await publish.give_up(publisher.attempt(job, publish.job.attempts), later.value)
        (failed,) = await publisher.said(tenant, PublishFailed)
        assert failed.error_code == "timeout"

    async def test_fails_with_a_code_of_ours_where_the_fault_is(
        self, publisher: Parts, tenant: Tenant, publish: JobHandler, job: Any
    ) -> None:
        assert publish.give_up is not None
        await publish.give_up(publisher.attempt(job), RuntimeError("disk full"))
        (failed,) = await publisher.said(tenant, PublishFailed)
        assert failed.error_code == "PUBLISH_FAILED"


async def test_two_attempts_at_once_send_once(publisher: Parts, tenant: Tenant) -> None:
    """A job that was taken for dead too early runs twice; the second leaves the work to the first."""
    target, clock = CountingTarget(settle_seconds=60.0), Clock()
    await publisher.hear(tenant, await ready(publisher, tenant, new_id()))
    (job,) = await publisher.due()
    publish = handler(publisher, target, clock)
    ends = await asyncio.gather(
        *(publish.run(publisher.attempt(job, n)) for n in (1, 2)), return_exceptions=True
    )
    assert {type(end) for end in ends} <= {type(None), NotYet}
    clock.go_on(60)
    await publish.run(publisher.attempt(job, 3))
    assert (len(target.posts), len(target.media)) == (1, 2)
    assert len(await publisher.said(tenant, ContentPublished)) == 1


async def test_a_newer_version_updates_the_same_post(publisher: Parts, tenant: Tenant) -> None:
    target, content_id = CountingTarget(), new_id()
    for version in (1, 2):
        await publisher.hear(tenant, await ready(publisher, tenant, content_id, version=version))
        await run_until_done(publisher, target)
    ((_, post),) = target.posts
    assert post.title.endswith("version 2")
    assert len(target.media) == 2, "the images did not change"
    assert [said.version for said in await publisher.said(tenant, ContentPublished)] == [1, 2]


class TestASiteThatMoved:
    """Its target has another name: an address that was corrected, or a place where nothing of ours is yet."""

    async def publish(
        self, publisher: Parts, tenant: Tenant, content_id: UUID, target: CountingTarget, version: int
    ) -> None:
        await publisher.hear(tenant, await ready(publisher, tenant, content_id, version=version))
        await run_until_done(publisher, target)

    async def test_has_what_it_had_under_its_old_address(self, publisher: Parts, tenant: Tenant) -> None:
        target, content_id = CountingTarget(name="wordpress:http://blog.example"), new_id()
        await self.publish(publisher, tenant, content_id, target, 1)
        target.name = "wordpress:https://blog.example"
        await self.publish(publisher, tenant, content_id, target, 2)
        assert [post.title.rpartition(" ")[2] for _, post in target.posts] == ["2"]
        assert len(target.media) == 2
        assert [said.version for said in await publisher.said(tenant, ContentPublished)] == [1, 2]

    async def test_is_still_sent_what_was_on_its_way_to_its_old_address(
        self, publisher: Parts, tenant: Tenant
    ) -> None:
        target, clock, content_id = CountingTarget(settle_seconds=60.0), Clock(), new_id()
        await publisher.hear(tenant, await ready(publisher, tenant, content_id))
        (job,) = await publisher.due()
        create, on_its_way = target.create_post, []

        async def killed(post: PostFields, *, key: str) -> ExternalPost:
            on_its_way.append((key, post))
            raise Killed

        target.create_post = killed  # type: ignore[method-assign]
        publish = handler(publisher, target, clock)
        with pytest.raises(Killed):
            await publish.run(publisher.attempt(job))
        target.create_post = create  # type: ignore[method-assign]
        target.name = "wordpress:https://blog.example"
        with pytest.raises(NotYet):
            await publish.run(publisher.attempt(job, 2))
        target.posts += on_its_way
        clock.go_on(60)
        await publish.run(publisher.attempt(job, 3))
        assert (len(target.posts), len(target.media)) == (1, 2)

    async def test_makes_nothing_twice_whenever_it_is_killed(self, publisher: Parts, tenant: Tenant) -> None:
        for step in range(9):
            old, new, content_id = CountingTarget(), CountingTarget(name="wordpress:https://b"), new_id()
            await self.publish(publisher, tenant, content_id, old, 1)
            await publisher.hear(tenant, await ready(publisher, tenant, content_id, version=2))
            database = cast(Database, KilledAt(publisher.database, step, after=True))
            publish = jobs.handler(database, publisher.runtime.objects, new.open, Clock())
            assert await run_until_done(publisher, new, publish) == 2, "killed once"
            for target in (old, new):
                assert (keys(target.posts), len(target.media)) == ([str(content_id)], 2), step

    async def test_gets_what_is_out_elsewhere_when_it_is_asked_for_again(
        self, publisher: Parts, tenant: Tenant
    ) -> None:
        folder, blog = CountingTarget(), CountingTarget(name="wordpress:https://blog.example")
        content_id = new_id()
        await self.publish(publisher, tenant, content_id, folder, 1)
        secret = SecretRef(secret_id=new_id(), version=1)
        url = "https://blog.example/"
        await publisher.hear(
            tenant, SiteWordPressConfigured(site_id=tenant.site, url=url, username="ann", secret=secret)
        )
        await self.publish(publisher, tenant, content_id, blog, 1)
        assert keys(blog.posts) == [str(content_id)]
        await publisher.hear(tenant, await ready(publisher, tenant, content_id))
        assert not await publisher.due(), "it is there now"
        assert len(await publisher.said(tenant, ContentPublished)) == 3


async def test_a_post_that_was_deleted_at_its_site_is_made_anew(publisher: Parts, tenant: Tenant) -> None:
    target, content_id = CountingTarget(), new_id()
    for version in (1, 2):
        target.posts.clear()
        await publisher.hear(tenant, await ready(publisher, tenant, content_id, version=version))
        assert await run_until_done(publisher, target) == 1
    ((_, post),) = target.posts
    assert post.title.endswith("version 2")
    assert len(target.media) == 2, "they were not deleted"


async def test_a_version_that_fails_leaves_the_newer_one_to_the_next_job(
    publisher: Parts, tenant: Tenant
) -> None:
    target, content_id = CountingTarget(), new_id()
    newer = await ready(publisher, tenant, content_id, version=2)
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    (job,) = await publisher.due()
    create = target.create_post

    async def no(post: Any, *, key: str) -> Any:
        await publisher.hear(tenant, newer)
        raise refused(retryable=False)

    target.create_post = no  # type: ignore[method-assign]
    publish = handler(publisher, target)
    with pytest.raises(GiveUp) as gave_up:
        await publish.run(publisher.attempt(job))
    assert publish.give_up is not None
    await publish.give_up(publisher.attempt(job), gave_up.value)
    await publisher.done(job)
    assert not await publisher.said(tenant, PublishFailed)
    target.create_post = create  # type: ignore[method-assign]
    await run_until_done(publisher, target)
    ((_, post),) = target.posts
    assert post.title.endswith("version 2")


async def test_a_version_ordered_while_the_older_goes_out_follows_in_the_same_job(
    publisher: Parts, tenant: Tenant
) -> None:
    target, content_id = CountingTarget(), new_id()
    newer = await ready(publisher, tenant, content_id, version=2)
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    create = target.create_post

    async def overtaken(post: Any, *, key: str) -> Any:
        await publisher.hear(tenant, newer)
        return await create(post, key=key)

    target.create_post = overtaken  # type: ignore[method-assign]
    await run_until_done(publisher, target)
    assert not await publisher.due()
    ((_, post),) = target.posts
    assert post.title.endswith("version 2")


async def test_asked_again_for_what_is_out_it_answers_and_sends_nothing(
    publisher: Parts, tenant: Tenant
) -> None:
    target, content_id, run = CountingTarget(), new_id(), new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id))
    await run_until_done(publisher, target)
    calls = len(target.calls)
    await publisher.hear(tenant, await ready(publisher, tenant, content_id, run_id=run))
    assert not await publisher.due()
    assert len(target.calls) == calls
    assert [said.run_id for said in await publisher.said(tenant, ContentPublished)] == [None, run]


async def test_a_definite_refusal_fails_with_its_remedy_and_can_be_retried(
    publisher: Parts, tenant: Tenant
) -> None:
    def no(name: str) -> None:
        if name == "create_post":
            raise refused(retryable=False)

    target, content_id, run = CountingTarget(trouble=no), new_id(), new_id()
    await publisher.hear(tenant, await ready(publisher, tenant, content_id, run_id=run))
    (job,) = await publisher.due()
    publish = handler(publisher, target)
    with pytest.raises(GiveUp) as gave_up:
        await publish.run(publisher.attempt(job))
    assert publish.give_up is not None
    await publish.give_up(publisher.attempt(job), gave_up.value)
    await publisher.done(job)
    (failed,) = await publisher.said(tenant, PublishFailed)
    assert (failed.error_code, failed.run_id) == ("no_publish_right", run)
    path = f"/publisher/publications/{content_id}/"
    shown = (await publisher.call(tenant, "GET", path)).json()["data"]
    assert (shown["status"], shown["remedy"]) == ("failed", "Give it the right.")

    assert (await publisher.call(tenant, "POST", f"{path}retry/")).status_code == 200
    target.trouble = lambda _call: None
    await run_until_done(publisher, target)
    assert len(target.posts) == 1
    assert target.calls.count("find_post") == 0, "what was refused need not be looked for"
    shown = (await publisher.call(tenant, "GET", path)).json()["data"]
    assert (shown["status"], shown["error"]) == ("published", None)
    assert (await publisher.call(tenant, "POST", f"{path}retry/")).status_code == 409


async def test_a_site_that_is_busy_is_tried_again(publisher: Parts, tenant: Tenant) -> None:
    busy = iter([refused(retryable=True)])

    def once(name: str) -> None:
        if error := next(busy, None):
            raise error

    target = CountingTarget(trouble=once)
    await publisher.hear(tenant, await ready(publisher, tenant, new_id()))
    assert await run_until_done(publisher, target) == 2
    assert len(target.posts) == 1


async def test_hearing_and_projecting_everything_again_changes_nothing(
    publisher: Parts, tenant: Tenant
) -> None:
    await publisher.hear(tenant, await ready(publisher, tenant, new_id()))
    await publisher.work()
    before, facts = await publisher.tables(tenant), len(await publisher.facts(tenant))
    assert all(before.values()), "every view has rows"
    await publisher.hear_everything_again()
    await publisher.project_again(tenant)
    assert await publisher.work() == 0
    assert await publisher.tables(tenant) == before
    assert len(await publisher.facts(tenant)) == facts
