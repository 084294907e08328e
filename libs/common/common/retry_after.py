"""The pause that an HTTP answer asks for (RFC 9110, 10.2.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds; None where none is asked for. A date counts from the answer's own `Date`: our clock may differ from theirs."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        until = _date(value)
    if until is None:
        return None
    said = _date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - said).total_seconds())


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
