"""The rules of the shared catalogue: industries with their sectors, and seed keywords."""

from common.ids import new_id
from common.testing import given
from gateway.industries.decisions import INDUSTRIES, Entry, WriteIndustries, compare
from gateway.industries.events import IndustrySector, IndustryWritten
from gateway.seed_keywords.decisions import SEED_KEYWORDS, SLICE, WriteSeedKeywords
from gateway.seed_keywords.events import SeedKeyword, SeedKeywordsWritten

FINANCE = Entry("finance", "Finance")
LOANS = Entry("finance", "finance", "loans", "Loans", "Money on time")
TAX = Entry("finance", "Finance", "tax", "Tax")
LOANS_SECTOR, TAX_SECTOR = IndustrySector("loans", "Loans", "Money on time"), IndustrySector("tax", "Tax")


def written(*sectors: IndustrySector, name: str = "Finance", active: bool = True) -> IndustryWritten:
    return IndustryWritten("finance", name, "", active, sectors)


class TestIndustries:
    def test_come_with_their_sectors_in_one_fact(self) -> None:
        garden = Entry("garden", "Garden", description="Green")
        given(INDUSTRIES)().when(WriteIndustries((FINANCE, LOANS, garden, TAX))).then(
            written(LOANS_SECTOR, TAX_SECTOR), IndustryWritten("garden", "Garden", "Green", True, ())
        )

    def test_are_made_by_a_sector_and_keep_their_own_name(self) -> None:
        given(INDUSTRIES)().when(WriteIndustries((LOANS,))).then(written(LOANS_SECTOR, name="finance"))
        given(INDUSTRIES)(written()).when(WriteIndustries((LOANS,))).then(written(LOANS_SECTOR))

    def test_that_are_so_already_are_not_written(self) -> None:
        given(INDUSTRIES)(written(LOANS_SECTOR)).when(WriteIndustries((FINANCE, LOANS))).then_nothing()

    def test_change_without_losing_their_sectors(self) -> None:
        off = Entry("finance", "Finances", is_active=False)
        given(INDUSTRIES)(written(LOANS_SECTOR)).when(WriteIndustries((off,))).then(
            written(LOANS_SECTOR, name="Finances", active=False)
        )

    def test_are_counted_by_what_the_catalogue_has(self) -> None:
        state = given(INDUSTRIES)(written(LOANS_SECTOR)).state
        changed = Entry("finance", "Finance", "loans", "Credit", "Money on time")
        assert compare((FINANCE, LOANS), state) == (0, 0)
        assert compare(
            (TAX, Entry("garden", "Garden"), Entry("garden", "Garden", "trees", "Trees")), state
        ) == (
            3,
            0,
        )
        assert compare((changed, Entry("finance", "Finance", description="New")), state) == (0, 2)


SECTOR = new_id()


def seed(number: int = 0, volume: int | None = None) -> SeedKeyword:
    return SeedKeyword(id=IDS[number], keyword=f"loan {number}", normalised=f"loan {number}", volume=volume)


IDS = [new_id() for _ in range(SLICE + 1)]


class TestSeedKeywords:
    def test_are_written_where_they_are_new_or_changed(self) -> None:
        command = WriteSeedKeywords(
            SECTOR, (seed(0), seed(1, 10), seed(2)), {IDS[0]: seed(0), IDS[1]: seed(1)}
        )
        given(SEED_KEYWORDS)().when(command).then(SeedKeywordsWritten(SECTOR, (seed(1, 10), seed(2))))

    def test_that_are_so_already_are_not_written(self) -> None:
        command = WriteSeedKeywords(SECTOR, (seed(),), {IDS[0]: seed()})
        given(SEED_KEYWORDS)(SeedKeywordsWritten(SECTOR, (seed(),))).when(command).then_nothing()

    def test_travel_in_slices(self) -> None:
        seeds = tuple(seed(number) for number in range(SLICE + 1))
        given(SEED_KEYWORDS)().when(WriteSeedKeywords(SECTOR, seeds, {})).then(
            SeedKeywordsWritten(SECTOR, seeds[:SLICE]), SeedKeywordsWritten(SECTOR, seeds[SLICE:])
        )
