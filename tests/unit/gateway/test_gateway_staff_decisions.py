"""Who is staff."""

from common.ids import new_id
from common.testing import given
from gateway.staff.decisions import STAFF, AddStaff, RemoveStaff
from gateway.staff.events import StaffAdded, StaffRemoved

USER, HOME = new_id(), new_id()
ADDED, REMOVED = StaffAdded(USER, HOME), StaffRemoved(USER)


def test_is_added_once() -> None:
    given(STAFF)().when(AddStaff(USER, HOME)).then(ADDED)
    given(STAFF)(ADDED).when(AddStaff(USER, HOME)).then_nothing()


def test_is_removed_once() -> None:
    given(STAFF)(ADDED).when(RemoveStaff(USER)).then(REMOVED)
    given(STAFF)(ADDED, REMOVED).when(RemoveStaff(USER)).then_nothing()
    given(STAFF)().when(RemoveStaff(USER)).then_nothing()


def test_comes_back() -> None:
    given(STAFF)(ADDED, REMOVED).when(AddStaff(USER, HOME)).then(ADDED)
