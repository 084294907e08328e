"""Which projections a name means."""

from dataclasses import replace

import pytest
from common.model import Projection
from common.operate import OperatorError
from common.operate.projections import Compared, Digest, Verified, chosen

from tests.support import toy

OTHER = Projection("other", ("counter",), (), toy.PROJECTION.apply)
MODEL = replace(toy.MODEL, projections=(toy.PROJECTION, OTHER))


def test_no_name_means_all() -> None:
    assert chosen(MODEL, None) == (toy.PROJECTION, OTHER)


def test_a_name_means_that_one() -> None:
    assert chosen(MODEL, "other") == (OTHER,)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OperatorError, match=r"publisher has no projection 'others'; it has toy, other\."):
        chosen(MODEL, "others")


def test_a_service_without_views_has_nothing_to_rebuild() -> None:
    assert chosen(replace(MODEL, projections=()), None) == ()


def test_one_table_that_differs_makes_the_projection_differ() -> None:
    same = Compared("a", Digest(1, "x"), Digest(1, "x"), (), ())
    differs = Compared("b", Digest(1, "x"), Digest(1, "y"), ({"n": 1},), ({"n": 2},))
    assert Verified("toy", 1, (same, same)).equal
    assert not Verified("toy", 1, (same, differs)).equal
    assert differs.as_dict()["equal"] is False
