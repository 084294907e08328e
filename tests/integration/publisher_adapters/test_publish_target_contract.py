"""One contract for every target: what publishing relies on, whatever lies behind the port."""

import asyncio
import hashlib
import io
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from PIL import Image
from publisher.adapters.target import MediumFields, PostFields, PublishTarget, TargetError, TermFields

TEXT = "<h2>Beans</h2><p>Arabica &amp; robusta.</p><ul><li>one</li><li>two</li></ul><p>The end.</p>"


def new_key() -> str:
    return str(uuid4())


def a_post(slug: str = "", **fields: object) -> PostFields:
    post = PostFields(title="How to <roast> & brew", slug=slug or f"roast-{uuid4().hex[:8]}", html=TEXT)
    return msgspec.structs.replace(post, **fields)


def picture(colour: str = "red") -> tuple[MediumFields, bytes]:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), colour).save(file, "PNG")
    data = file.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    medium = MediumFields(
        filename="Röstung 1.png", media_type="image/png", title="A bean", alt_text="A red bean", sha256=digest
    )
    return medium, data


async def test_the_connection_test_finds_nothing_wrong(target: PublishTarget) -> None:
    report = await target.check()
    assert report.problem is None
    assert report.ok
    assert report.site_title


class TestAPost:
    async def test_is_not_found_before_it_is_made(self, target: PublishTarget) -> None:
        assert await target.find_post(new_key()) is None

    async def test_is_found_by_its_key_after_a_crash_before_the_record(self, target: PublishTarget) -> None:
        key = new_key()
        made = await target.create_post(a_post(), key=key)
        assert await target.find_post(key) == made

    @pytest.mark.parametrize("status", ["draft", "pending", "private"])
    async def test_is_found_in_every_status(self, target: PublishTarget, status: str) -> None:
        key = new_key()
        made = await target.create_post(a_post(status=status), key=key)
        assert made.status == status
        assert await target.find_post(key) == made

    async def test_keeps_its_slug_and_says_its_status(self, target: PublishTarget) -> None:
        post = a_post()
        made = await target.create_post(post, key=new_key())
        assert (made.slug, made.status) == (post.slug, "publish")
        assert post.slug in made.url

    async def test_stands_beside_a_stranger_with_the_same_slug(self, target: PublishTarget) -> None:
        post, key, other = a_post(), new_key(), new_key()
        first = await target.create_post(post, key=other)
        assert await target.find_post(key) is None
        second = await target.create_post(post, key=key)
        assert second.slug == f"{post.slug}-2"
        assert await target.find_post(key) == second
        assert await target.find_post(other) == first

    async def test_is_still_found_after_an_update_with_another_slug(self, target: PublishTarget) -> None:
        key = new_key()
        made = await target.create_post(a_post(), key=key)
        changed = a_post(title="Other")
        updated = await target.update_post(made.external_id, changed)
        assert updated.external_id == made.external_id
        assert updated.slug == changed.slug
        assert await target.find_post(key) == updated

    async def test_is_unpublished_and_published_again(self, target: PublishTarget) -> None:
        key, post = new_key(), a_post()
        made = await target.create_post(post, key=key)
        hidden = await target.unpublish_post(made.external_id)
        assert hidden.status == "draft"
        found = await target.find_post(key)
        assert found is not None
        assert found.status == "draft"
        assert await target.update_post(made.external_id, post) == made

    async def test_takes_titles_and_slugs_of_any_script(self, target: PublishTarget) -> None:
        key, slug = new_key(), f"如何烘焙咖啡豆-{uuid4().hex[:6]}"
        made = await target.create_post(a_post(slug, title="如何烘焙咖啡豆"), key=key)
        assert await target.find_post(key) == made
        twin = await target.create_post(a_post(slug, title="如何烘焙咖啡豆"), key=new_key())
        assert twin.slug == f"{made.slug}-2"

    async def test_that_does_not_exist_cannot_be_updated(self, target: PublishTarget) -> None:
        with pytest.raises(TargetError) as refused:
            await target.update_post("99999999", a_post())
        assert refused.value.code == "gone"
        assert not refused.value.retryable

    async def test_comes_alone_when_several_are_made_at_once(self, target: PublishTarget) -> None:
        keys = [new_key() for _ in range(4)]
        slug = f"same-{uuid4().hex[:8]}"
        made = await asyncio.gather(*(target.create_post(a_post(slug), key=key) for key in keys))
        assert len({post.external_id for post in made}) == 4
        assert [await target.find_post(key) for key in keys] == list(made)


class TestAMedium:
    async def test_is_found_by_its_key_with_its_alt_text(self, target: PublishTarget) -> None:
        key, (medium, data) = new_key(), picture()
        assert await target.find_medium(key) is None
        made = await target.upload_medium(medium, data, key=key)
        assert made.alt_text == "A red bean"
        assert await target.find_medium(key) == made

    async def test_is_one_of_its_own_for_each_key(self, target: PublishTarget) -> None:
        medium, data = picture()
        made = [await target.upload_medium(medium, data, key=new_key()) for _ in range(2)]
        assert len({one.external_id for one in made}) == 2
        assert len({one.url for one in made}) == 2

    async def test_gets_another_alt_text(self, target: PublishTarget) -> None:
        key, (medium, data) = new_key(), picture()
        made = await target.upload_medium(medium, data, key=key)
        changed = msgspec.structs.replace(medium, alt_text="A green bean")
        assert (await target.update_medium(made.external_id, changed)).alt_text == "A green bean"
        found = await target.find_medium(key)
        assert found is not None
        assert found.alt_text == "A green bean"


class TestATerm:
    @pytest.mark.parametrize("taxonomy", ["category", "tag"])
    async def test_is_made_once(self, target: PublishTarget, taxonomy: str) -> None:
        slug = f"beans-{uuid4().hex[:6]}"
        term = TermFields(taxonomy=taxonomy, name=f"Beans & {slug}", slug=slug)  # type: ignore[arg-type]
        first = await target.ensure_term(term, key=new_key())
        assert await target.ensure_term(term, key=new_key()) == first

    async def test_is_made_once_by_many_at_once(self, target: PublishTarget) -> None:
        slug = f"咖啡-{uuid4().hex[:6]}"
        term = TermFields(taxonomy="tag", name=slug, slug=slug)
        found = await asyncio.gather(*(target.ensure_term(term, key=new_key()) for _ in range(4)))
        again = await target.ensure_term(term, key=new_key())
        assert {ref.external_id for ref in found} == {again.external_id}


async def test_a_whole_article_goes_out(target: PublishTarget, tmp_path: Path) -> None:
    medium, data = picture()
    featured = await target.upload_medium(medium, data, key=new_key())
    inside = await target.upload_medium(*picture("blue"), key=new_key())
    slug = uuid4().hex[:6]
    category = await target.ensure_term(
        TermFields(taxonomy="category", name=f"Coffee {slug}", slug=f"coffee-{slug}"), key="c"
    )
    tag = await target.ensure_term(
        TermFields(taxonomy="tag", name=f"Filter {slug}", slug=f"f-{slug}"), key="t"
    )
    post = a_post(
        html=f'{TEXT}<figure><img src="{inside.url}" alt="Blue"></figure>',
        excerpt="Short & good",
        category_ids=(category.external_id,),
        tag_ids=(tag.external_id,),
        featured_medium_id=featured.external_id,
        meta_title="Roast at home",
        meta_description="All about roasting",
        primary_keyword="roast coffee",
    )
    key = new_key()
    made = await target.create_post(post, key=key)
    assert await target.find_post(key) == made
