"""How long the supervisor waits before it starts again what died."""

from igny8_local.supervisor import pauses, resumed


def waited(lives: list[float]) -> list[float]:
    """The pauses after processes that lived so long, one after the other."""
    pause, found = pauses(), []
    for lived in lives:
        pause = resumed(pause, lived)
        found.append(next(pause))
    return found


def test_what_dies_right_after_its_start_waits_longer_and_longer() -> None:
    assert waited([1.0] * 9) == [0, 0.25, 0.5, 1, 2, 4, 8, 10, 10]


def test_what_was_at_work_starts_again_at_once_however_often_it_dies() -> None:
    assert waited([11.0] * 20) == [0] * 20


def test_work_is_credited_after_bad_starts() -> None:
    assert waited([1.0, 1.0, 1.0, 11.0, 1.0]) == [0, 0.25, 0.5, 0, 0.25]
