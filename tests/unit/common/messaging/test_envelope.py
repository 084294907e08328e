"""CloudEvents in Kafka's binary mode: what is written is read, what is no event of ours says why."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from common.contracts.publisher import SiteConnected
from common.eventsourcing.event import Event, Meta, Recorded
from common.messaging.envelope import Headers, MalformedMessage, Unknown, headers_of, parse

from tests.support.toy import Counted

ACCOUNT, EVENT, SITE, CAUSE = (UUID(int=number) for number in range(1, 5))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SAID = SiteConnected(site_id=SITE, integration_id=SITE, platform="wordpress")


def fact(meta: Meta = Meta()) -> Recorded[Event]:  # noqa: B008  frozen
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    return Recorded(9, ACCOUNT, f"integration-{SITE}", 3, EVENT, Counted(1), meta, at)


def without(headers: Headers, name: str, *more: tuple[str, bytes]) -> Headers:
    return [entry for entry in headers if entry[0] != name] + list(more)


def test_what_is_written_is_read() -> None:
    meta = Meta(correlation_id=CAUSE, causation_id=SITE)
    key, headers, value = headers_of(SAID, "publisher", fact(meta), TRACE)
    assert key == str(ACCOUNT).encode()
    heard = parse(headers, value)
    assert heard.data == SAID
    assert heard.type == "igny8.publisher.SiteConnected.v1"
    assert (heard.source, heard.subject, heard.version) == ("publisher", f"integration-{SITE}", 3)
    assert (heard.account_id, heard.event_id, heard.time) == (ACCOUNT, EVENT, fact().recorded_at)
    assert (heard.correlation_id, heard.traceparent) == (CAUSE, TRACE)
    assert dict(headers)["ce_causationid"] == str(SITE).encode()
    assert dict(headers)["ce_specversion"] == b"1.0"


def test_what_nobody_said_is_not_written() -> None:
    _, headers, value = headers_of(SAID, "publisher", fact(), None)
    assert {"ce_correlationid", "ce_causationid", "ce_onbehalfof", "traceparent"}.isdisjoint(dict(headers))
    heard = parse(headers, value)
    assert (heard.correlation_id, heard.on_behalf_of, heard.traceparent) == (None, None, None)


def test_what_follows_carries_the_correlation_and_names_this_event_as_its_cause() -> None:
    _, headers, value = headers_of(SAID, "publisher", fact(Meta(correlation_id=CAUSE)), TRACE)
    assert parse(headers, value).meta == Meta(
        correlation_id=CAUSE, causation_id=EVENT, actor="service:publisher", traceparent=TRACE
    )


def test_what_follows_from_what_staff_did_for_an_account_is_on_its_behalf_too() -> None:
    _, headers, value = headers_of(SAID, "publisher", fact(Meta(actor="user:7", on_behalf_of=ACCOUNT)), None)
    following = parse(headers, value).meta
    assert (following.actor, following.on_behalf_of) == ("service:publisher", ACCOUNT)


def test_the_first_of_a_chain_becomes_its_correlation() -> None:
    _, headers, value = headers_of(SAID, "publisher", fact(), None)
    assert parse(headers, value).meta.correlation_id == EVENT


def test_a_type_of_a_newer_service_is_read_as_unknown() -> None:
    _, headers, value = headers_of(SAID, "publisher", fact(), None)
    newer = without(headers, "ce_type", ("ce_type", b"igny8.publisher.SiteSold.v4"))
    heard = parse(newer, value)
    assert heard.data == Unknown()
    assert heard.version == 3


def test_a_field_of_a_newer_service_is_passed_over() -> None:
    _, headers, value = headers_of(SAID, "publisher", fact(), None)
    assert parse(headers, value[:-1] + b',"theme":"dark"}').data == SAID


@pytest.mark.parametrize(
    "name", ["ce_source", "ce_accountid", "ce_id", "ce_subject", "ce_streamversion", "ce_time"]
)
def test_a_missing_attribute_is_named(name: str) -> None:
    _, headers, value = headers_of(SAID, "publisher", fact(), None)
    with pytest.raises(MalformedMessage, match=name):
        parse(without(headers, name), value)


@pytest.mark.parametrize(
    "odd",
    [
        ("ce_id", b"seven"),
        ("ce_accountid", b"\xff\xfe"),
        ("ce_streamversion", b"last"),
        ("ce_time", b"yesterday"),
        ("ce_correlationid", b"x"),
        ("ce_onbehalfof", b"x"),
    ],
)
def test_an_attribute_of_another_kind_is_malformed(odd: tuple[str, bytes]) -> None:
    _, headers, value = headers_of(SAID, "publisher", fact(), None)
    with pytest.raises(MalformedMessage, match="SiteConnected"):
        parse(without(headers, odd[0], odd), value)


@pytest.mark.parametrize("value", [None, b"", b"{not json", b"[]", b'{"site_id": 7}', b"\xff"])
def test_data_that_does_not_fit_its_contract_is_malformed(value: bytes | None) -> None:
    _, headers, _ = headers_of(SAID, "publisher", fact(), None)
    with pytest.raises(MalformedMessage, match="SiteConnected"):
        parse(headers, value)


def test_what_is_no_cloud_event_at_all_is_malformed() -> None:
    with pytest.raises(MalformedMessage):
        parse([], b"{}")
