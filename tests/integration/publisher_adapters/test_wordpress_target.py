"""What is particular to WordPress: how things are stored there, duplicates, rights, and its many settings."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from publisher.adapters.target import TargetError, fingerprint
from publisher.adapters.wordpress import WordPressTarget

from tests.integration.publisher_adapters.conftest import wordpress_target
from tests.integration.publisher_adapters.test_publish_target_contract import TEXT, a_post, new_key, picture
from tests.parts.wordpress import RealWordPress

pytestmark = pytest.mark.wordpress


@pytest.fixture
async def site_target(wordpress: RealWordPress) -> AsyncIterator[WordPressTarget]:
    target = wordpress_target(wordpress)
    yield target
    await target.aclose()


class Reader:
    """WordPress's API as a stranger to the adapter reads it."""

    def __init__(self, site: RealWordPress) -> None:
        self._http = httpx.Client(base_url=f"{site.url}/wp-json", auth=(site.user, site.app_password))

    def get(self, path: str, **params: str) -> object:
        answer = self._http.get(path, params={"context": "edit", **params})
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, **fields: object) -> object:
        answer = self._http.post(path, json=fields)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture
def reader(wordpress: RealWordPress) -> Reader:
    return Reader(wordpress)


def get_post(reader: Reader, external_id: str) -> dict[str, object]:
    found = reader.get(f"/wp/v2/posts/{external_id}")
    assert isinstance(found, dict)
    return found


def posts_of(wordpress: RealWordPress, key: str) -> list[int]:
    sql = f"SELECT ID FROM $wpdb->posts WHERE post_type='post' AND post_content LIKE '%{fingerprint(key)}%'"
    found: list[str] = json.loads(wordpress.run_php(f'echo json_encode($wpdb->get_col("{sql}"));'))
    return sorted(map(int, found))


@contextmanager
def setting(wordpress: RealWordPress, code: str) -> Iterator[None]:
    """Run PHP on every request, as a plugin would."""
    folder = wordpress.directory / "wp-content" / "mu-plugins"
    folder.mkdir(exist_ok=True)
    plugin = folder / f"{uuid4().hex}.php"
    plugin.write_text(f"<?php {code}")
    try:
        yield
    finally:
        plugin.unlink()


def new_user(wordpress: RealWordPress, role: str) -> tuple[str, str]:
    """Name and application password."""
    name = f"{role}-{uuid4().hex[:6]}"
    code = (
        f"$id = wp_insert_user(['user_login' => '{name}', 'user_pass' => wp_generate_password(), "
        f"'user_email' => '{name}@example.com', 'role' => '{role}']);"
        "echo WP_Application_Passwords::create_new_application_password($id, ['name' => 't'])[0];"
    )
    return name, wordpress.run_php(code)


class TestStoring:
    async def test_text_title_images_and_terms_arrive_as_sent(
        self, site_target: WordPressTarget, reader: Reader
    ) -> None:
        medium = await site_target.upload_medium(*picture(), key=new_key())
        made = await site_target.create_post(
            a_post(featured_medium_id=medium.external_id, excerpt="Short & good"), key=new_key()
        )
        stored = get_post(reader, made.external_id)
        assert stored["featured_media"] == int(medium.external_id)
        assert stored["title"]["rendered"] == "How to &lt;roast&gt; &amp; brew"  # type: ignore[index]
        assert stored["excerpt"]["raw"] == "Short &amp; good"  # type: ignore[index]
        raw: str = stored["content"]["raw"]  # type: ignore[index]
        assert raw.replace(raw[raw.index("<!--") : raw.index("-->") + 3], "") == TEXT
        async with httpx.AsyncClient() as browser:
            page = (await browser.get(made.url)).text
        assert "<p></p>" not in page
        assert "<p><!--" not in page
        alt = reader.get(f"/wp/v2/media/{medium.external_id}")
        assert alt["alt_text"] == "A red bean"  # type: ignore[index]

    async def test_an_author_without_unfiltered_html_stores_the_same(
        self, wordpress: RealWordPress, reader: Reader
    ) -> None:
        html = (
            '<h2 id="a">A</h2><p>x &lt; y &amp; z <strong>b</strong><br><a href="https://e.com/?a=1&amp;b=2" '
            'target="_blank" rel="noopener">l</a></p><script>alert(1)</script><ol start="3"><li>c</li></ol>'
            '<details open=""><summary>s</summary><p>t</p></details><table><tbody><tr><td colspan="2">u</td>'
            '</tr></tbody></table><figure><img src="https://e.com/i.png" alt="v &quot;w&quot;" width="2" '
            'height="1" loading="lazy"><figcaption>k</figcaption></figure><section><p>q</p></section>'
        )
        name, password = new_user(wordpress, "author")
        target = wordpress_target(wordpress, user=name, password=password)
        made = await target.create_post(a_post(html=html), key=new_key())
        await target.aclose()
        raw: str = get_post(reader, made.external_id)["content"]["raw"]  # type: ignore[index]
        mark = raw[raw.index("<!--") : raw.index("-->") + 3]
        assert raw.replace(mark, "") == html.replace("<script>alert(1)</script>", "")

    async def test_a_scheduled_post_waits_for_its_time(self, site_target: WordPressTarget) -> None:
        key = new_key()
        when = datetime.now(UTC) + timedelta(days=3)
        made = await site_target.create_post(a_post(status="future", publish_at=when), key=key)
        assert made.status == "future"
        assert await site_target.find_post(key) == made

    async def test_seo_fields_are_written_where_the_site_registers_them(
        self, wordpress: RealWordPress, reader: Reader
    ) -> None:
        post = a_post(meta_title="Roast", meta_description="All", primary_keyword="coffee")
        plain = wordpress_target(wordpress)
        made = await plain.create_post(post, key=new_key())
        assert (await plain.check()).seo_plugins == ()
        await plain.aclose()
        register = "".join(
            f"register_post_meta('post', '{name}', ['show_in_rest' => true, 'single' => true, "
            "'type' => 'string', 'auth_callback' => '__return_true']);"
            for name in ("rank_math_title", "rank_math_description")
        )
        with setting(wordpress, f"add_action('init', function () {{ {register} }});"):
            target = wordpress_target(wordpress)
            await target.update_post(made.external_id, post)
            meta = get_post(reader, made.external_id)["meta"]
            assert (await target.check()).seo_plugins == ("rank_math",)
            await target.aclose()
        assert meta["rank_math_title"] == "Roast"  # type: ignore[index]
        assert meta["rank_math_description"] == "All"  # type: ignore[index]


class TestExactlyOnce:
    async def test_a_late_duplicate_goes_and_the_first_stays(
        self, wordpress: RealWordPress, site_target: WordPressTarget
    ) -> None:
        key, post = new_key(), a_post()
        first = await site_target.create_post(post, key=key)
        # The same request, come through a second time: only the slug differs, as WordPress makes it unique.
        wordpress.run_php(
            f"$p = get_post({first.external_id}, ARRAY_A); unset($p['ID'], $p['guid']); "
            "wp_insert_post(wp_slash($p));"
        )
        assert len(posts_of(wordpress, key)) == 2
        assert await site_target.find_post(key) == first
        assert posts_of(wordpress, key) == [int(first.external_id)]

    async def test_a_second_send_returns_the_first_post(
        self, wordpress: RealWordPress, site_target: WordPressTarget
    ) -> None:
        key, post = new_key(), a_post()
        first = await site_target.create_post(post, key=key)
        assert await site_target.create_post(post, key=key) == first
        assert posts_of(wordpress, key) == [int(first.external_id)]

    async def test_a_second_upload_returns_the_first_medium(
        self, wordpress: RealWordPress, site_target: WordPressTarget
    ) -> None:
        key = new_key()
        first = await site_target.upload_medium(*picture(), key=key)
        assert await site_target.upload_medium(*picture(), key=key) == first
        count = f"SELECT COUNT(*) FROM $wpdb->posts WHERE post_name LIKE 'igny8-{fingerprint(key)}%'"
        assert wordpress.run_php(f'echo $wpdb->get_var("{count}");') == "1"

    async def test_a_copy_that_somebody_edited_is_left_alone(
        self, wordpress: RealWordPress, site_target: WordPressTarget
    ) -> None:
        key = new_key()
        first = await site_target.create_post(a_post(), key=key)
        wordpress.run_php(
            f"$p = get_post({first.external_id}, ARRAY_A); unset($p['ID'], $p['guid']); "
            "$p['post_content'] .= '<p>mine</p>'; wp_insert_post(wp_slash($p));"
        )
        assert await site_target.find_post(key) == first
        assert len(posts_of(wordpress, key)) == 2

    async def test_a_post_in_the_trash_is_found(
        self, wordpress: RealWordPress, site_target: WordPressTarget
    ) -> None:
        key, post = new_key(), a_post()
        made = await site_target.create_post(post, key=key)
        wordpress.run_php(f"wp_trash_post({made.external_id});")
        found = await site_target.find_post(key)
        assert found is not None
        assert (found.external_id, found.status) == (made.external_id, "trash")
        assert await site_target.update_post(made.external_id, post) == made

    async def test_a_plugin_that_replaces_the_search_hides_nothing(
        self, wordpress: RealWordPress, site_target: WordPressTarget
    ) -> None:
        key = new_key()
        made = await site_target.create_post(a_post(), key=key)
        with setting(wordpress, "add_filter('posts_search', fn($sql) => $sql === '' ? $sql : ' AND 1=0 ');"):
            assert await site_target.find_post(key) == made

    async def test_a_strangers_page_keeps_its_slug(
        self, site_target: WordPressTarget, reader: Reader
    ) -> None:
        slug, key = f"about-{uuid4().hex[:6]}", new_key()
        reader.post("/wp/v2/pages", title="About", slug=slug, status="publish", content="<p>We</p>")
        stranger = reader.post(
            "/wp/v2/posts", title="P", slug=f"{slug}-x", status="publish", content="<p>s</p>"
        )
        made = await site_target.create_post(a_post(f"{slug}-x"), key=key)
        assert made.slug == f"{slug}-x-2"
        assert get_post(reader, str(stranger["id"]))["slug"] == f"{slug}-x"  # type: ignore[index]


class TestSettings:
    async def test_without_pretty_permalinks(self, wordpress: RealWordPress) -> None:
        wordpress.run_php("update_option('permalink_structure', '');")
        try:
            target, key = wordpress_target(wordpress), new_key()
            report = await target.check()
            assert report.problem is None
            assert report.version is not None
            made = await target.create_post(a_post(), key=key)
            assert await target.find_post(key) == made
            await target.aclose()
        finally:
            wordpress.run_php("update_option('permalink_structure', '/%postname%/');")

    async def test_title_version_and_rights_are_reported(self, site_target: WordPressTarget) -> None:
        report = await site_target.check()
        assert report.site_title == "IGNY8 test site"
        assert report.version is not None
        assert report.version.startswith("6.")
        assert "publish_posts" in report.rights

    async def test_the_connection_test_leaves_nothing_behind(
        self, wordpress: RealWordPress, site_target: WordPressTarget
    ) -> None:
        count = 'echo $wpdb->get_var("SELECT COUNT(*) FROM $wpdb->posts");'
        before = wordpress.run_php(count)
        await site_target.check()
        assert wordpress.run_php(count) == before

    @pytest.mark.parametrize(
        ("role", "code"), [("subscriber", "no_publish_right"), ("contributor", "no_publish_right")]
    )
    async def test_missing_rights(self, wordpress: RealWordPress, role: str, code: str) -> None:
        name, password = new_user(wordpress, role)
        target = wordpress_target(wordpress, user=name, password=password)
        report = await target.check()
        assert report.problem is not None
        assert report.problem.code == code
        with pytest.raises(TargetError) as refused:
            await target.create_post(a_post(), key=new_key())
        assert refused.value.code == code
        await target.aclose()

    async def test_wrong_password(self, wordpress: RealWordPress) -> None:
        assert await problem_code(wordpress_target(wordpress, password="nonsense")) == "wrong_password"

    async def test_unknown_user(self, wordpress: RealWordPress) -> None:
        assert await problem_code(wordpress_target(wordpress, user="nobody")) == "wrong_password"

    async def test_a_header_that_is_stripped(self, wordpress: RealWordPress) -> None:
        with setting(wordpress, "unset($_SERVER['PHP_AUTH_USER'], $_SERVER['PHP_AUTH_PW']);"):
            assert await problem_code(wordpress_target(wordpress)) == "authorization_stripped"

    async def test_application_passwords_off(self, wordpress: RealWordPress) -> None:
        with setting(wordpress, "add_filter('wp_is_application_passwords_available', '__return_false');"):
            assert await problem_code(wordpress_target(wordpress)) == "application_passwords_off"

    async def test_rest_disabled(self, wordpress: RealWordPress) -> None:
        close = "add_filter('rest_authentication_errors', fn() => new WP_Error('rest_disabled', 'No', ['status' => 403]), 999);"
        with setting(wordpress, close):
            assert await problem_code(wordpress_target(wordpress)) == "rest_disabled"

    async def test_maintenance(self, wordpress: RealWordPress) -> None:
        flag = wordpress.directory / ".maintenance"
        flag.write_text("<?php $upgrading = time();")
        try:
            target = wordpress_target(wordpress)
            assert await problem_code(target) == "maintenance"
            with pytest.raises(TargetError) as refused:
                await wordpress_target(wordpress).find_post(new_key())
            assert refused.value.retryable
            assert refused.value.retry_after == 600
        finally:
            flag.unlink()

    async def test_notices_before_the_json(self, wordpress: RealWordPress) -> None:
        with setting(wordpress, "echo '<br /><b>Warning</b>: something';"):
            report = await wordpress_target(wordpress).check()
        assert report.problem is not None
        assert report.problem.code == "not_json"
        assert "Warning" in report.problem.message

    async def test_an_upload_above_the_limit(self, wordpress: RealWordPress) -> None:
        with setting(wordpress, "add_filter('wp_handle_upload_prefilter', function ($file) { "
                     "$file['error'] = 'exceeds the upload_max_filesize directive'; return $file; });"):  # fmt: skip
            assert await problem_code(wordpress_target(wordpress)) == "upload_too_large"


async def problem_code(target: WordPressTarget) -> str | None:
    report = await target.check()
    await target.aclose()
    return report.problem.code if report.problem else None
