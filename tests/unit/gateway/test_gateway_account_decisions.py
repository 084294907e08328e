"""The rules of an account, its sites and sectors: the right events, the refusal, the silence."""

import pytest
from common.contracts.gateway import SecretRef
from common.ids import new_id
from common.testing import given
from gateway.accounts.decisions import (
    ACCOUNT,
    AccountCommand,
    AccountMissing,
    AddSector,
    AddSite,
    ArchiveSector,
    ArchiveSite,
    ChangeSector,
    ChangeSite,
    ConfigureWordPress,
    RegisterAccount,
    RestoreSector,
    RestoreSite,
    SectorMissing,
    SiteMissing,
    SlugTaken,
    TooManyActiveSectors,
)
from gateway.accounts.events import (
    AccountRegistered,
    MembershipChanged,
    SectorAdded,
    SectorArchived,
    SectorChanged,
    SectorRestored,
    SiteAdded,
    SiteArchived,
    SiteChanged,
    SiteRestored,
    SiteWordPressConfigured,
)

A, OWNER, SITE, OTHER, SECTOR = (new_id() for _ in range(5))
SECRET = SecretRef(secret_id=new_id(), version=1)
ENDS = "2026-12-05T00:00:00+00:00"
REGISTER = RegisterAccount(A, "acme", "cipher", OWNER, ENDS)
REGISTERED = (AccountRegistered(A, "acme", "cipher", "trial", ENDS), MembershipChanged(OWNER, "owner"))
ADDED = SiteAdded(SITE, "Blog", "blog", "example.com")
SECTOR_ADDED = SectorAdded(SECTOR, SITE, "Loans", "loans")


class TestWhenNobodyHasRegistered:
    def test_registration_opens_a_trial_with_its_owner(self) -> None:
        given(ACCOUNT)().when(REGISTER).then(*REGISTERED)

    def test_nothing_else_is_possible(self) -> None:
        given(ACCOUNT)().when(AddSite(SITE, "Blog", "blog")).then_refused(AccountMissing)

    def test_a_stray_fact_changes_nothing(self) -> None:
        given(ACCOUNT)(ADDED).when(REGISTER).then(*REGISTERED)


class TestWhenRegistered:
    def test_registration_again_is_silent(self) -> None:
        given(ACCOUNT)(*REGISTERED).when(REGISTER).then_nothing()

    def test_members_come_and_go(self) -> None:
        gone = MembershipChanged(OWNER, "owner", active=False)
        state = given(ACCOUNT)(*REGISTERED, gone).state
        assert getattr(state, "members", None) == {}

    def test_a_site_is_added_once(self) -> None:
        command = AddSite(SITE, "Blog", "blog", "example.com")
        given(ACCOUNT)(*REGISTERED).when(command).then(ADDED)
        given(ACCOUNT)(*REGISTERED, ADDED).when(command).then_nothing()

    @pytest.mark.parametrize(
        "command",
        [
            ChangeSite(SITE, name="x"),
            ArchiveSite(SITE),
            RestoreSite(SITE),
            ConfigureWordPress(SITE, "https://a.example", "ada", SECRET),
            AddSector(SECTOR, SITE, "Loans", "loans"),
        ],
    )
    def test_an_unknown_site_is_missing(self, command: AccountCommand) -> None:
        given(ACCOUNT)(*REGISTERED).when(command).then_refused(SiteMissing)


class TestWithASite:
    def test_a_change_keeps_what_is_not_named(self) -> None:
        changed = SiteChanged(SITE, "Blog", "blog", "example.org", "", "paused", True)
        command = ChangeSite(SITE, domain="example.org", status="paused")
        given(ACCOUNT)(*REGISTERED, ADDED).when(command).then(changed)
        given(ACCOUNT)(*REGISTERED, ADDED, changed).when(command).then_nothing()

    def test_its_slug_is_taken(self) -> None:
        given(ACCOUNT)(*REGISTERED, ADDED).when(AddSite(OTHER, "B", "blog")).then_refused(
            SlugTaken, slug="blog"
        )
        other = SiteAdded(OTHER, "Other", "other", "")
        given(ACCOUNT)(*REGISTERED, ADDED, other).when(ChangeSite(OTHER, slug="blog")).then_refused(SlugTaken)

    def test_is_archived_once(self) -> None:
        given(ACCOUNT)(*REGISTERED, ADDED).when(ArchiveSite(SITE)).then(SiteArchived(SITE))
        given(ACCOUNT)(*REGISTERED, ADDED, SiteArchived(SITE)).when(ArchiveSite(SITE)).then_nothing()

    def test_is_not_restored_while_it_is_there(self) -> None:
        given(ACCOUNT)(*REGISTERED, ADDED).when(RestoreSite(SITE)).then_nothing()

    def test_wordpress_is_configured_once(self) -> None:
        command = ConfigureWordPress(SITE, "https://a.example", "ada", SECRET)
        fact = SiteWordPressConfigured(SITE, "https://a.example", "ada", SECRET)
        given(ACCOUNT)(*REGISTERED, ADDED).when(command).then(fact)
        given(ACCOUNT)(*REGISTERED, ADDED, fact).when(command).then_nothing()

    def test_wordpress_survives_a_change(self) -> None:
        fact = SiteWordPressConfigured(SITE, "https://a.example", "ada", SECRET)
        changed = SiteChanged(SITE, "New", "blog", "example.com", "", "active", True)
        command = ConfigureWordPress(SITE, "https://a.example", "ada", SECRET)
        given(ACCOUNT)(*REGISTERED, ADDED, fact, changed).when(command).then_nothing()


class TestWithAnArchivedSite:
    FACTS = (*REGISTERED, ADDED, SiteArchived(SITE))

    def test_it_is_missing(self) -> None:
        given(ACCOUNT)(*self.FACTS).when(ChangeSite(SITE, name="x")).then_refused(SiteMissing)
        given(ACCOUNT)(*self.FACTS).when(AddSector(SECTOR, SITE, "L", "l")).then_refused(SiteMissing)

    def test_its_slug_is_free(self) -> None:
        given(ACCOUNT)(*self.FACTS).when(AddSite(OTHER, "B", "blog")).then(SiteAdded(OTHER, "B", "blog", ""))

    def test_it_comes_back_whole(self) -> None:
        restored = SiteRestored(SITE, "Blog", "blog", "example.com", "", "active", True)
        given(ACCOUNT)(*self.FACTS).when(RestoreSite(SITE)).then(restored)
        given(ACCOUNT)(*self.FACTS, restored).when(RestoreSite(SITE)).then_nothing()

    def test_it_stays_away_when_its_slug_is_taken_meanwhile(self) -> None:
        other = SiteAdded(OTHER, "B", "blog", "")
        given(ACCOUNT)(*self.FACTS, other).when(RestoreSite(SITE)).then_refused(SlugTaken)


class TestSectors:
    FACTS = (*REGISTERED, ADDED)
    FIVE = tuple(SectorAdded(new_id(), SITE, f"S{n}", f"s{n}") for n in range(5))

    def test_are_added_once(self) -> None:
        command = AddSector(SECTOR, SITE, "Loans", "loans")
        given(ACCOUNT)(*self.FACTS).when(command).then(SECTOR_ADDED)
        given(ACCOUNT)(*self.FACTS, SECTOR_ADDED).when(command).then_nothing()

    def test_at_most_five_are_active(self) -> None:
        command = AddSector(SECTOR, SITE, "Loans", "loans")
        given(ACCOUNT)(*self.FACTS, *self.FIVE).when(command).then_refused(
            TooManyActiveSectors, active=5, limit=5
        )

    def test_inactive_and_archived_ones_leave_room(self) -> None:
        inactive = AddSector(SECTOR, SITE, "Loans", "loans", is_active=False)
        added = SectorAdded(SECTOR, SITE, "Loans", "loans", is_active=False)
        given(ACCOUNT)(*self.FACTS, *self.FIVE).when(inactive).then(added)
        activate = ChangeSector(SECTOR, SITE, is_active=True)
        given(ACCOUNT)(*self.FACTS, *self.FIVE, added).when(activate).then_refused(TooManyActiveSectors)
        archived = SectorArchived(self.FIVE[0].sector_id, SITE)
        given(ACCOUNT)(*self.FACTS, *self.FIVE, archived, added).when(activate).then(
            SectorChanged(SECTOR, SITE, "Loans", "loans", "", True)
        )

    def test_slugs_are_unique_in_the_site_only(self) -> None:
        again = AddSector(new_id(), SITE, "Loans", "loans")
        given(ACCOUNT)(*self.FACTS, SECTOR_ADDED).when(again).then_refused(SlugTaken)
        second = SiteAdded(OTHER, "Other", "other", "")
        elsewhere = AddSector(again.sector_id, OTHER, "Loans", "loans")
        given(ACCOUNT)(*self.FACTS, SECTOR_ADDED, second).when(elsewhere).then(
            SectorAdded(again.sector_id, OTHER, "Loans", "loans")
        )

    def test_change_once(self) -> None:
        command = ChangeSector(SECTOR, SITE, name="Leases")
        changed = SectorChanged(SECTOR, SITE, "Leases", "loans", "", True)
        given(ACCOUNT)(*self.FACTS, SECTOR_ADDED).when(command).then(changed)
        given(ACCOUNT)(*self.FACTS, SECTOR_ADDED, changed).when(command).then_nothing()

    def test_are_archived_and_restored_once(self) -> None:
        facts = (*self.FACTS, SECTOR_ADDED)
        archived, restored = (
            SectorArchived(SECTOR, SITE),
            SectorRestored(SECTOR, SITE, "Loans", "loans", "", True),
        )
        given(ACCOUNT)(*facts).when(RestoreSector(SECTOR, SITE)).then_nothing()
        given(ACCOUNT)(*facts).when(ArchiveSector(SECTOR, SITE)).then(archived)
        given(ACCOUNT)(*facts, archived).when(ArchiveSector(SECTOR, SITE)).then_nothing()
        given(ACCOUNT)(*facts, archived).when(RestoreSector(SECTOR, SITE)).then(restored)
        given(ACCOUNT)(*facts, archived, *self.FIVE).when(RestoreSector(SECTOR, SITE)).then_refused(
            TooManyActiveSectors
        )

    def test_of_another_site_or_archived_are_missing(self) -> None:
        second = SiteAdded(OTHER, "Other", "other", "")
        facts = (*self.FACTS, SECTOR_ADDED, second)
        given(ACCOUNT)(*facts).when(ChangeSector(SECTOR, OTHER, name="x")).then_refused(SectorMissing)
        given(ACCOUNT)(*facts).when(ArchiveSector(new_id(), SITE)).then_refused(SectorMissing)
        archived = SectorArchived(SECTOR, SITE)
        given(ACCOUNT)(*facts, archived).when(ChangeSector(SECTOR, SITE, name="x")).then_refused(
            SectorMissing
        )
