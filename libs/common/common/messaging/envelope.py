"""CloudEvents 1.0 in Kafka's binary mode: attributes in `ce_` headers, the contract as JSON in the value."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from common.contracts import Contract, spec_for_type, spec_of
from common.eventsourcing.event import Event, Meta, Recorded

D = TypeVar("D", bound=Contract)
Headers = list[tuple[str, bytes]]


class MalformedMessage(Exception):
    """A message that is no CloudEvent of ours, or whose data does not fit its contract."""


class Unknown(Contract, frozen=True):
    """Stands for the data of a type this code does not know: a newer service said it."""


class Heard(msgspec.Struct, Generic[D], frozen=True, gc=False):
    """A public event as a listener gets it. `version` is the version of the `subject` stream it was recorded at."""

    data: D
    type: str
    source: str
    account_id: UUID
    event_id: UUID
    subject: str
    version: int
    time: datetime
    correlation_id: UUID | None
    traceparent: str | None
    on_behalf_of: UUID | None = None

    @property
    def meta(self) -> Meta:
        """The meta of what follows from it: the correlation goes on, this event is the cause.

        What staff did for an account stays so in all that comes of it; who it was says the first event.
        """
        return Meta(
            correlation_id=self.correlation_id or self.event_id,
            causation_id=self.event_id,
            actor=f"service:{self.source}",
            on_behalf_of=self.on_behalf_of,
            traceparent=self.traceparent,
        )


def headers_of(
    contract: Contract, source: str, fact: Recorded[Event], traceparent: str | None
) -> tuple[bytes, Headers, bytes]:
    """Kafka key, headers and value of a fact's public form."""
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(fact.event_id).encode()),
        ("ce_source", f"igny8/{source}".encode()),
        ("ce_type", spec_of(type(contract)).type_from(source).encode()),
        ("ce_subject", fact.stream.encode()),
        ("ce_time", fact.recorded_at.isoformat().encode()),
        ("ce_accountid", str(fact.account_id).encode()),
        ("ce_streamversion", str(fact.version).encode()),
        ("content-type", b"application/json"),
    ]
    if fact.meta.correlation_id:
        headers.append(("ce_correlationid", str(fact.meta.correlation_id).encode()))
    if fact.meta.causation_id:
        headers.append(("ce_causationid", str(fact.meta.causation_id).encode()))
    if fact.meta.on_behalf_of:
        headers.append(("ce_onbehalfof", str(fact.meta.on_behalf_of).encode()))
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return str(fact.account_id).encode(), headers, msgspec.json.encode(contract)


class _Attributes(msgspec.Struct, gc=False):
    """The headers of a message of ours."""

    ce_type: str
    ce_source: str
    ce_accountid: UUID
    ce_id: UUID
    ce_subject: str
    ce_streamversion: int
    ce_time: datetime
    ce_correlationid: UUID | None = None
    ce_onbehalfof: UUID | None = None
    traceparent: str | None = None


_decoders: dict[type[Contract], msgspec.json.Decoder[Any]] = {}


def parse(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Heard[Contract]:
    """The event in a message, `Unknown` for a type this code does not know. Raises `MalformedMessage`."""
    given = {name: raw.decode("utf-8", "replace") for name, raw in headers}
    type_name = given.get("ce_type", "")
    spec = spec_for_type(type_name)
    cls = spec.cls if spec else Unknown
    decoder = _decoders.get(cls)
    if decoder is None:
        decoder = _decoders[cls] = msgspec.json.Decoder(cls)
    try:
        attributes = msgspec.convert(given, _Attributes, strict=False)
        return Heard(
            data=decoder.decode(value or b""),
            type=type_name,
            source=attributes.ce_source.partition("/")[2],
            account_id=attributes.ce_accountid,
            event_id=attributes.ce_id,
            subject=attributes.ce_subject,
            version=attributes.ce_streamversion,
            time=attributes.ce_time,
            correlation_id=attributes.ce_correlationid,
            traceparent=attributes.traceparent,
            on_behalf_of=attributes.ce_onbehalfof,
        )
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"{type_name}: {type(error).__name__}: {error}") from error
