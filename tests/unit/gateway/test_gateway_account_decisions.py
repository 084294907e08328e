"""The rules of an account, its sites and sectors: the right events, the refusal, the silence."""

import pytest
from common.contracts.gateway import Role, SecretRef
from common.ids import SYSTEM_ACCOUNT, new_id
from common.plan_limits import PlanLimitReached
from common.testing import given
from gateway.accounts.decisions import (
    ACCOUNT,
    AccountCommand,
    AccountMissing,
    AddMember,
    AddSector,
    AddSite,
    ArchiveSector,
    ArchiveSite,
    ChangeAccount,
    ChangeMember,
    ChangeSector,
    ChangeSite,
    ChangeStatus,
    ConfigureWordPress,
    EndTrial,
    EraseAccount,
    GrantSites,
    OnlyTheOwnerMay,
    OwnerNeeded,
    RegisterAccount,
    RestoreSector,
    RestoreSite,
    SectorMissing,
    SeesAllSites,
    SiteMissing,
    SlugTaken,
    SwitchModules,
    SystemAccountStays,
    TooManyActiveSectors,
    UserMissing,
)
from gateway.accounts.events import (
    AccountChanged,
    AccountErased,
    AccountEvent,
    AccountRegistered,
    AccountStatusChanged,
    Member,
    MembershipChanged,
    ModuleToggled,
    SectorAdded,
    SectorArchived,
    SectorChanged,
    SectorRestored,
    SiteAccessChanged,
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


class TestASnapshot:
    @pytest.mark.parametrize(
        "facts",
        [
            (
                *REGISTERED,
                ADDED,
                SECTOR_ADDED,
                SiteChanged(SITE, "Blog", "blog", "example.com", "", "active", True, default_sector=SECTOR),
                SiteWordPressConfigured(SITE, "https://example.com", "editor", SECRET),
                SiteArchived(SITE),
                MembershipChanged(A, "editor"),
                SiteAccessChanged(A, (SITE,)),
                ModuleToggled("linker", True),
                AccountStatusChanged("active"),
            ),
            (*REGISTERED, AccountErased(A, ())),
        ],
        ids=["of a whole account", "of an erased one"],
    )
    def test_is_the_account(self, facts: tuple[AccountEvent, ...]) -> None:
        state = ACCOUNT.fold(facts, ACCOUNT.initial)
        assert ACCOUNT.snapshot is not None
        assert ACCOUNT.snapshot.decode(ACCOUNT.snapshot.encode(state).decode()) == state


class TestWhenRegistered:
    def test_registration_again_is_silent(self) -> None:
        given(ACCOUNT)(*REGISTERED).when(REGISTER).then_nothing()

    def test_members_come_and_go(self) -> None:
        gone = MembershipChanged(OWNER, "owner", active=False)
        state = given(ACCOUNT)(*REGISTERED, gone).state
        assert getattr(state, "members", {})[OWNER] == Member("owner", active=False)

    def test_modules_are_switched_on_and_off(self) -> None:
        off = ModuleToggled("writer", enabled=False)
        both = SwitchModules({"writer": False, "linker": True, "planner": True})
        given(ACCOUNT)(*REGISTERED).when(both).then(off, ModuleToggled("linker", enabled=True))
        given(ACCOUNT)(*REGISTERED, off).when(SwitchModules({"writer": True})).then(
            ModuleToggled("writer", enabled=True)
        )

    def test_a_module_that_is_so_already_is_not_switched(self) -> None:
        off = ModuleToggled("writer", enabled=False)
        given(ACCOUNT)(*REGISTERED, off).when(SwitchModules({"writer": False})).then_nothing()
        given(ACCOUNT)(*REGISTERED).when(SwitchModules({"optimizer": False})).then_nothing()

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

    def test_another_is_added_where_the_plan_has_room(self) -> None:
        other = SiteAdded(OTHER, "Other", "other", "")
        command = AddSite(OTHER, "Other", "other", limit=1)
        given(ACCOUNT)(*REGISTERED, ADDED).when(command).then_refused(
            PlanLimitReached, of="sites", used=1, limit=1
        )
        given(ACCOUNT)(*REGISTERED, ADDED, SiteArchived(SITE)).when(command).then(other)
        given(ACCOUNT)(*REGISTERED, ADDED, other).when(command).then_nothing()

    def test_is_restored_where_the_plan_has_room(self) -> None:
        facts = (*REGISTERED, ADDED, SiteArchived(SITE), SiteAdded(OTHER, "Other", "other", ""))
        given(ACCOUNT)(*facts).when(RestoreSite(SITE, limit=1)).then_refused(PlanLimitReached)
        given(ACCOUNT)(*facts).when(RestoreSite(SITE, limit=2)).then(
            SiteRestored(SITE, "Blog", "blog", "example.com", "", "active", True)
        )

    def test_lets_its_editors_approve(self) -> None:
        changed = SiteChanged(SITE, "Blog", "blog", "example.com", "", "active", True, True)
        command = ChangeSite(SITE, editors_approve=True)
        given(ACCOUNT)(*REGISTERED, ADDED).when(command).then(changed)
        given(ACCOUNT)(*REGISTERED, ADDED, changed).when(command).then_nothing()
        given(ACCOUNT)(*REGISTERED).when(AddSite(OTHER, "B", "b", editors_approve=True)).then(
            SiteAdded(OTHER, "B", "b", "", editors_approve=True)
        )

    def test_has_a_default_sector_until_that_is_archived(self) -> None:
        sector = SectorAdded(SECTOR, SITE, "Loans", "loans")
        facts = (*REGISTERED, ADDED, sector)
        command = ChangeSite(SITE, default_sector=SECTOR)
        changed = SiteChanged(SITE, "Blog", "blog", "example.com", "", "active", True, False, SECTOR)
        given(ACCOUNT)(*facts).when(command).then(changed)
        given(ACCOUNT)(*facts, changed).when(command).then_nothing()
        none = SiteChanged(SITE, "Blog", "blog", "example.com", "", "active", True)
        given(ACCOUNT)(*facts, changed).when(ChangeSite(SITE, default_sector=None)).then(none)
        archived = SectorArchived(SECTOR, SITE)
        given(ACCOUNT)(*facts, changed, archived).when(ChangeSite(SITE, default_sector=None)).then_nothing()
        given(ACCOUNT)(*facts, archived).when(command).then_refused(SectorMissing)

    def test_of_another_site_is_no_default_sector(self) -> None:
        other = (SiteAdded(OTHER, "Other", "other", ""), SectorAdded(SECTOR, OTHER, "Loans", "loans"))
        command = ChangeSite(SITE, default_sector=SECTOR)
        given(ACCOUNT)(*REGISTERED, ADDED, *other).when(command).then_refused(SectorMissing)

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


MEMBER, BOSS = new_id(), new_id()
EDITOR = MembershipChanged(MEMBER, "editor")
ADMIN = MembershipChanged(BOSS, "admin")


class TestAccountItself:
    def test_a_change_keeps_what_is_not_named(self) -> None:
        changed = AccountChanged(A, "new", "cipher")
        given(ACCOUNT)(*REGISTERED).when(ChangeAccount(A, slug="new")).then(changed)
        given(ACCOUNT)(*REGISTERED, changed).when(ChangeAccount(A, slug="new")).then_nothing()
        given(ACCOUNT)(*REGISTERED).when(ChangeAccount(A, name_cipher="n")).then(
            AccountChanged(A, "acme", "n")
        )


class TestMembers:
    def test_join_once(self) -> None:
        given(ACCOUNT)(*REGISTERED).when(AddMember(MEMBER, "editor")).then(EDITOR)
        given(ACCOUNT)(*REGISTERED, EDITOR).when(AddMember(MEMBER, "admin")).then_nothing()

    def test_join_with_the_sites_that_are_there(self) -> None:
        gone = SiteAdded(OTHER, "Other", "other", ""), SiteArchived(OTHER)
        command = AddMember(MEMBER, "viewer", (SITE, OTHER, new_id()))
        joined = MembershipChanged(MEMBER, "viewer")
        given(ACCOUNT)(*REGISTERED, ADDED, *gone).when(command).then(
            joined, SiteAccessChanged(MEMBER, (SITE,))
        )
        admin = AddMember(MEMBER, "admin", (SITE,))
        given(ACCOUNT)(*REGISTERED, ADDED).when(admin).then(MembershipChanged(MEMBER, "admin"))

    def test_change_their_role(self) -> None:
        command = ChangeMember(MEMBER, role="viewer")
        viewer = MembershipChanged(MEMBER, "viewer")
        given(ACCOUNT)(*REGISTERED, EDITOR).when(command).then(viewer)
        given(ACCOUNT)(*REGISTERED, EDITOR, viewer).when(command).then_nothing()

    def test_go_and_come_back_with_what_they_had(self) -> None:
        granted = SiteAccessChanged(MEMBER, (SITE,))
        gone, back = MembershipChanged(MEMBER, "editor", active=False), EDITOR
        members = (*REGISTERED, ADDED, EDITOR, granted)
        given(ACCOUNT)(*members).when(ChangeMember(MEMBER, active=False)).then(gone)
        given(ACCOUNT)(*members, gone).when(ChangeMember(MEMBER, active=True)).then(back)
        state = given(ACCOUNT)(*members, gone, back).state
        assert getattr(state, "members", {})[MEMBER] == Member("editor", site_ids=(SITE,))

    def test_come_back_where_the_plan_has_room(self) -> None:
        gone = MembershipChanged(MEMBER, "editor", active=False)
        command = ChangeMember(MEMBER, active=True, invited=1, limit=2)
        given(ACCOUNT)(*REGISTERED, EDITOR, gone).when(command).then_refused(
            PlanLimitReached, of="users", used=2, limit=2
        )
        roomy = ChangeMember(MEMBER, active=True, invited=1, limit=3)
        given(ACCOUNT)(*REGISTERED, EDITOR, gone).when(roomy).then(EDITOR)
        given(ACCOUNT)(*REGISTERED, EDITOR).when(command).then_nothing()

    @pytest.mark.parametrize("command", [ChangeMember(MEMBER, role="viewer"), GrantSites(MEMBER, ())])
    def test_who_is_none_is_missing(self, command: AccountCommand) -> None:
        given(ACCOUNT)(*REGISTERED).when(command).then_refused(UserMissing)


class TestTheOwner:
    @pytest.mark.parametrize(
        "command",
        [ChangeMember(OWNER, role="admin"), ChangeMember(OWNER, active=False, by=OWNER)],
    )
    def test_cannot_just_go(self, command: AccountCommand) -> None:
        given(ACCOUNT)(*REGISTERED, ADMIN).when(command).then_refused(OwnerNeeded)

    def test_hands_the_account_over_and_becomes_an_admin(self) -> None:
        command = ChangeMember(BOSS, role="owner", by=OWNER)
        new, old = MembershipChanged(BOSS, "owner"), MembershipChanged(OWNER, "admin")
        given(ACCOUNT)(*REGISTERED, ADMIN).when(command).then(new, old)
        given(ACCOUNT)(*REGISTERED, ADMIN, new, old).when(command).then_nothing()
        staff = ChangeMember(BOSS, role="owner")
        given(ACCOUNT)(*REGISTERED, ADMIN).when(staff).then(new, old)

    def test_alone_hands_it_over(self) -> None:
        command = ChangeMember(MEMBER, role="owner", by=BOSS)
        given(ACCOUNT)(*REGISTERED, ADMIN, EDITOR).when(command).then_refused(OnlyTheOwnerMay)

    def test_is_nobody_who_is_not_active(self) -> None:
        gone = MembershipChanged(BOSS, "admin", active=False)
        command = ChangeMember(BOSS, role="owner", by=OWNER)
        given(ACCOUNT)(*REGISTERED, ADMIN, gone).when(command).then_refused(OwnerNeeded)


class TestSiteAccess:
    def test_is_exactly_what_was_granted_last(self) -> None:
        other = SiteAdded(OTHER, "Other", "other", "")
        both = tuple(sorted((SITE, OTHER)))
        members = (*REGISTERED, ADDED, other, EDITOR)
        granted = SiteAccessChanged(MEMBER, both)
        given(ACCOUNT)(*members).when(GrantSites(MEMBER, (OTHER, SITE, SITE))).then(granted)
        given(ACCOUNT)(*members, granted).when(GrantSites(MEMBER, (SITE, OTHER))).then_nothing()
        given(ACCOUNT)(*members, granted).when(GrantSites(MEMBER, ())).then(SiteAccessChanged(MEMBER, ()))

    def test_is_to_sites_of_the_account_alone(self) -> None:
        given(ACCOUNT)(*REGISTERED, EDITOR).when(GrantSites(MEMBER, (SITE,))).then_refused(SiteMissing)

    def test_is_nothing_for_who_sees_all_of_them(self) -> None:
        given(ACCOUNT)(*REGISTERED, ADDED, ADMIN).when(GrantSites(BOSS, (SITE,))).then_refused(SeesAllSites)


def test_its_status_is_what_staff_say() -> None:
    suspended = AccountStatusChanged("suspended")
    given(ACCOUNT)(*REGISTERED).when(ChangeStatus("suspended")).then(suspended)
    given(ACCOUNT)(*REGISTERED, suspended).when(ChangeStatus("suspended")).then_nothing()
    given(ACCOUNT)(*REGISTERED, suspended).when(ChangeStatus("active")).then(AccountStatusChanged("active"))


def test_its_trial_ends_when_it_is_put_on_a_plan() -> None:
    active = AccountStatusChanged("active")
    given(ACCOUNT)(*REGISTERED).when(EndTrial()).then(active)
    given(ACCOUNT)(*REGISTERED, active).when(EndTrial()).then_nothing()
    for status in ("suspended", "cancelled"):
        given(ACCOUNT)(*REGISTERED, AccountStatusChanged(status)).when(EndTrial()).then_nothing()


class TestErasing:
    def test_is_the_owners_and_the_end(self) -> None:
        erase, erased = EraseAccount(A, OWNER, ("hash",)), AccountErased(A, ("hash",))
        given(ACCOUNT)(*REGISTERED).when(erase).then(erased)
        given(ACCOUNT)(*REGISTERED, erased).when(erase).then_refused(AccountMissing)
        given(ACCOUNT)(erased).when(AddSite(SITE, "Blog", "blog")).then_refused(AccountMissing)

    @pytest.mark.parametrize("role", ["admin", "editor", "viewer"])
    def test_is_nobody_elses(self, role: Role) -> None:
        joined = MembershipChanged(OTHER, role)
        given(ACCOUNT)(*REGISTERED, joined).when(EraseAccount(A, OTHER, ())).then_refused(OnlyTheOwnerMay)
        given(ACCOUNT)(*REGISTERED).when(EraseAccount(A, OTHER, ())).then_refused(OnlyTheOwnerMay)

    def test_does_not_befall_the_system_account(self) -> None:
        erase = EraseAccount(SYSTEM_ACCOUNT, OWNER, ())
        given(ACCOUNT)(*REGISTERED).when(erase).then_refused(SystemAccountStays)
