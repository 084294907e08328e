"""Where pictures stand in an article."""

from publisher.publications.placing import Picture, place

HTML = "<h2>One</h2><p>a</p><h2>Two</h2><p>b</p><h2 id='x'>Three</h2 ><p>c</p>"
A, B, C = (Picture(f"https://site/{name}.png", name) for name in "abc")


def figure(name: str) -> str:
    return f'\n<figure><img src="https://site/{name}.png" alt="{name}" loading="lazy"></figure>\n'


def test_the_first_follows_the_second_heading_and_the_next_the_third() -> None:
    expected = HTML.replace("Two</h2>", f"Two</h2>{figure('a')}").replace(
        "Three</h2 >", f"Three</h2 >{figure('b')}"
    )
    assert place(HTML, [A, B]) == expected


def test_those_without_a_heading_stand_at_the_end() -> None:
    assert place("<p>short</p>", [A, B]) == f"<p>short</p>{figure('a')}{figure('b')}"
    assert place(HTML, [A, B, C]).endswith(f"<p>c</p>{figure('c')}")


def test_without_pictures_nothing_changes() -> None:
    assert place(HTML, []) == HTML


def test_texts_cannot_leave_their_attribute() -> None:
    placed = place("", [Picture('https://site/a.png?x="y"', 'a "quoted" <b>')])
    assert 'alt="a &quot;quoted&quot; &lt;b&gt;"' in placed
    assert 'src="https://site/a.png?x=&quot;y&quot;"' in placed
