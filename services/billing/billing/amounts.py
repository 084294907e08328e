"""How amounts are shown: JSON numbers without binary remainders, since a float prints the shortest form that reads back."""

from common.replicas.balances import credits

__all__ = ["credits", "dollars"]


def dollars(micro_usd: int) -> float:
    """US dollars of millionths, with at most six decimals."""
    return micro_usd / 1_000_000
