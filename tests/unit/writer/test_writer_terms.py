"""Terms: once per site, taxonomy and slug."""

from uuid import UUID

import pytest
from common.testing import given
from writer.slugs import slug_of
from writer.taxonomies.decisions import TERM, AddTerm, RenameTerm, TermNotFound, term_of, terms_of
from writer.taxonomies.events import TermAdded, TermRenamed

SITE, SECTOR = UUID(int=1), UUID(int=2)
ITEM = term_of(SITE, "category", "Café Équipement")
ADDED = TermAdded(
    term_id=ITEM.term_id,
    site_id=SITE,
    sector_id=SECTOR,
    taxonomy="category",
    name="Café Équipement",
    slug="cafe-equipement",
)
RENAMED = TermRenamed(
    term_id=ITEM.term_id, site_id=SITE, taxonomy="category", name="Cafés", slug="cafe-equipement"
)


def test_it_is_added_once() -> None:
    given(TERM)().when(AddTerm(SITE, SECTOR, ITEM)).then(ADDED)
    given(TERM)(ADDED).when(AddTerm(SITE, SECTOR, ITEM)).then_nothing()


def test_it_is_renamed_and_keeps_its_slug() -> None:
    given(TERM)(ADDED).when(RenameTerm("Cafés")).then(RENAMED)
    given(TERM)(ADDED, RENAMED).when(RenameTerm("Cafés")).then_nothing()
    given(TERM)().when(RenameTerm("Cafés")).then_refused(TermNotFound)
    assert given(TERM)(RENAMED).state == TERM.initial


def test_the_same_slug_is_the_same_term_only_within_a_taxonomy_and_site() -> None:
    ids = {
        term_of(SITE, "category", "cafe equipement").term_id,
        term_of(SITE, "tag", "Café Équipement").term_id,
        term_of(SECTOR, "category", "Café Équipement").term_id,
    }
    assert len(ids) == 3
    assert ITEM.term_id in ids


def test_an_article_has_each_term_once_categories_first() -> None:
    found = terms_of(SITE, ["Leasing", "leasing "], ["Forklifts", "Leasing"])
    assert [(term.taxonomy, term.name) for term in found] == [
        ("category", "Leasing"),
        ("tag", "Forklifts"),
        ("tag", "Leasing"),
    ]


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Über Größe & Preis!", "uber-grosse-preis"),
        ("設備 リース", "設備-リース"),
        ("***", "untitled"),
        ("a" * 200, "a" * 120),
    ],
)
def test_slugs(text: str, slug: str) -> None:
    assert slug_of(text) == slug
