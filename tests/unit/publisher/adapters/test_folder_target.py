"""What is particular to the folder: its pages, its files, and many writers at once."""

import asyncio
import hashlib
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from publisher.adapters.folder import FolderTarget
from publisher.adapters.target import MediumFields, PostFields, TargetError, TermFields

ROOT = Path(__file__).parents[4]
DATA = b"not really a picture"
MEDIUM = MediumFields(
    filename="../Bean.PNG",
    media_type="image/png",
    title="Bean",
    alt_text='A "red" bean',
    sha256=hashlib.sha256(DATA).hexdigest(),
)
POST = PostFields(
    title="Roast <b> & brew",
    slug="roast",
    html="<h2>Beans</h2><p>Yes</p><script>alert(1)</script>",
    excerpt="Short",
    meta_title="Roast at home",
    meta_description="All about <roasting>",
)


class Links(HTMLParser):
    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if name in ("href", "src") and value]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def target(tmp_path: Path) -> FolderTarget:
    return FolderTarget(tmp_path)


async def test_a_page_shows_everything_and_works_wherever_the_folder_lies(
    target: FolderTarget, tmp_path: Path
) -> None:
    medium = await target.upload_medium(MEDIUM, DATA, key="m")
    tag = await target.ensure_term(TermFields(taxonomy="tag", name="R&D", slug="rd"), key="t")
    html = f'{POST.html}<img src="{medium.url}" alt="x">'
    post = msgspec.structs.replace(
        POST, html=html, featured_medium_id=medium.external_id, tag_ids=(tag.external_id,)
    )
    await target.create_post(post, key="p")
    page = tmp_path / "pages" / "roast.html"
    text = page.read_text("utf-8")
    assert "<title>Roast at home</title>" in text
    assert '<meta name="description" content="All about &lt;roasting&gt;">' in text
    assert "<h1>Roast &lt;b&gt; &amp; brew</h1>" in text
    assert "<h2>Beans</h2><p>Yes</p>" in text
    assert "<li>R&amp;D</li>" in text
    assert 'alt="A &quot;red&quot; bean"' in text
    assert "<script" not in text
    for shown in (page, tmp_path / "index.html"):
        links = Links(shown).targets
        assert links
        assert all((shown.parent / link).resolve().is_relative_to(tmp_path) for link in links)
        assert all((shown.parent / link).exists() for link in links)


async def test_the_index_lists_the_newest_first_and_no_draft(target: FolderTarget, tmp_path: Path) -> None:
    for slug in ("first", "second", "third"):
        made = await target.create_post(msgspec.structs.replace(POST, slug=slug), key=slug)
    await target.create_post(msgspec.structs.replace(POST, slug="draft", status="draft"), key="draft")
    await target.unpublish_post(made.external_id)
    assert Links(tmp_path / "index.html").targets == ["pages/second.html", "pages/first.html"]
    assert {path.name for path in (tmp_path / "pages").iterdir()} == {"first.html", "second.html"}


async def test_strangers_files_stay(target: FolderTarget, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    for name in ("pages/roast.html", "notes.txt"):
        (tmp_path / name).write_text("mine")
    made = await target.create_post(POST, key="p")
    assert made.slug == "roast-2"
    await target.unpublish_post(made.external_id)
    assert [(tmp_path / name).read_text() for name in ("pages/roast.html", "notes.txt")] == ["mine", "mine"]


async def test_a_strangers_index_is_not_overwritten(target: FolderTarget, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html>mine</html>")
    report = await target.check()
    assert report.problem is not None
    assert report.problem.code == "folder_in_use"
    with pytest.raises(TargetError):
        await target.create_post(POST, key="p")
    assert (tmp_path / "index.html").read_text() == "<html>mine</html>"


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = await FolderTarget(tmp_path / "file" / "site").check()
    assert report.problem is not None
    assert report.problem.code == "folder_not_writable"
    assert str(tmp_path) in report.problem.message


async def test_a_second_send_changes_nothing(target: FolderTarget, tmp_path: Path) -> None:
    first = await target.create_post(POST, key="p")
    medium = await target.upload_medium(MEDIUM, DATA, key="m")
    before = files(tmp_path)
    assert await target.create_post(POST, key="p") == first
    assert await target.upload_medium(MEDIUM, DATA, key="m") == medium
    assert files(tmp_path) == before


async def test_what_a_crash_left_undrawn_is_drawn_when_it_is_found(
    target: FolderTarget, tmp_path: Path
) -> None:
    made = await target.create_post(POST, key="p")
    (tmp_path / "pages" / "roast.html").unlink()
    (tmp_path / "index.html").unlink()
    assert await target.find_post("p") == made
    assert Links(tmp_path / "index.html").targets == ["pages/roast.html"]
    assert (tmp_path / "pages" / "roast.html").exists()


async def test_a_medium_whose_file_is_gone_is_not_found(target: FolderTarget, tmp_path: Path) -> None:
    await target.upload_medium(MEDIUM, DATA, key="m")
    (file,) = (tmp_path / "media").iterdir()
    assert file.suffix == ".png"
    file.unlink()
    assert await target.find_medium("m") is None


async def test_bytes_that_are_not_those_promised_are_refused(target: FolderTarget) -> None:
    with pytest.raises(ValueError, match="digest"):
        await target.upload_medium(MEDIUM, b"other", key="m")


@pytest.mark.parametrize("slug", ["../../escape", "/etc/passwd", "a/b", "..", "", "x" * 500, "咖" * 200])
async def test_no_slug_leads_out_of_the_folder(target: FolderTarget, tmp_path: Path, slug: str) -> None:
    await target.create_post(msgspec.structs.replace(POST, slug=slug), key="p")
    (page,) = (tmp_path / "pages").iterdir()
    assert page.resolve().parent == tmp_path / "pages"


async def test_no_id_leads_out_of_the_folder(target: FolderTarget) -> None:
    with pytest.raises(TargetError) as refused:
        await target.unpublish_post("../../secret")
    assert refused.value.code == "gone"


async def test_what_was_killed_while_it_wrote_leaves_nothing_behind_for_ever(
    target: FolderTarget, tmp_path: Path
) -> None:
    program = """
import asyncio, os, sys
from pathlib import Path
from tests.unit.publisher.adapters.test_folder_target import DATA, MEDIUM, FolderTarget
Path.replace = lambda *_: os._exit(9)
asyncio.run(FolderTarget(Path(sys.argv[1])).upload_medium(MEDIUM, DATA, key="m"))
"""
    killed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT)
    assert killed.returncode == 9
    assert list(tmp_path.rglob("*.tmp"))
    medium = await target.upload_medium(MEDIUM, DATA, key="m")
    assert [path.name for path in (tmp_path / "media").iterdir()] == [medium.url.rpartition("/")[2]]


async def test_several_processes_publish_at_once(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from publisher.adapters.folder import FolderTarget
from publisher.adapters.target import PostFields
async def main(folder, name):
    target = FolderTarget(Path(folder))
    for number in range(5):
        await target.create_post(PostFields(title=name, slug="same", html="<p>x</p>"), key=f"{name}{number}")
asyncio.run(main(*sys.argv[1:]))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [await asyncio.to_thread(subprocess.Popen, [*command, name]) for name in "abc"]
    assert [await asyncio.to_thread(process.wait, 60) for process in processes] == [0, 0, 0]
    expected = {"same.html", *(f"same-{number}.html" for number in range(2, 16))}
    assert {path.name for path in (tmp_path / "pages").iterdir()} == expected
    assert {Path(link).name for link in Links(tmp_path / "index.html").targets} == expected
    assert not list(tmp_path.rglob("*.tmp"))
