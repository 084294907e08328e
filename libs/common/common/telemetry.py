"""Logs, traces and metrics, set up once per process; every span and attribute name of the product is here."""

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import Span, SpanKind

from common.eventsourcing.event import Meta

if TYPE_CHECKING:
    from common.jobs.worker import Work

tracer = trace.get_tracer("igny8")

# OpenTelemetry semantic conventions (messaging, http); account ids are span attributes, never metric labels.
ACCOUNT = "igny8.account.id"
MESSAGING_SYSTEM = "messaging.system"
MESSAGING_DESTINATION = "messaging.destination.name"
MESSAGING_MESSAGE_ID = "messaging.message.id"
MESSAGING_OPERATION = "messaging.operation.type"
EVENT_TYPE = "cloudevents.event_type"
JOB = "igny8.job.name"
JOB_ATTEMPT = "igny8.job.attempt"

_tracing = False
"""Asked once for each event, so not of OpenTelemetry: without a provider that reads the environment each time."""


def configure(service: str, *, log_level: str = "INFO", otlp_endpoint: str = "") -> None:
    """Set up JSON logs on standard output and, with an endpoint, traces.

    `otlp_endpoint`: `http(s)://host:4318` (OTLP over HTTP) or `file:///path`, which writes one JSON object per span
    and line to `path/<service>.jsonl`.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_trace_ids,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[log_level.upper()]
        ),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through logging: only their warnings, on the same stream.
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.WARNING,
        format='{"level":"%(levelname)s","event":"%(name)s: %(message)s"}',
    )
    if not otlp_endpoint:
        return
    provider = TracerProvider(resource=Resource.create({"service.name": f"igny8-{service}"}))
    if otlp_endpoint.startswith("file://"):
        folder = Path(urlsplit(otlp_endpoint).path)
        folder.mkdir(parents=True, exist_ok=True)
        provider.add_span_processor(SimpleSpanProcessor(_FileExporter(folder / f"{service}.jsonl")))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint=otlp_endpoint.rstrip("/") + "/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    global _tracing
    _tracing = True


def _add_trace_ids(
    _logger: Any, _method: str, record: structlog.types.EventDict
) -> structlog.types.EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record["trace_id"] = format(context.trace_id, "032x")
    return record


class _FileExporter(SpanExporter):
    """One JSON line per span, written at once: what a killed process did is still there."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            self._file.write(span.to_json(indent=None) + "\n")
        self._file.flush()
        return SpanExportResult.SUCCESS


def traceparent() -> str | None:
    """The W3C trace context of the current span, or None outside of any."""
    if not tracing():
        return None
    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get("traceparent")


def tracing() -> bool:
    """Whether spans go anywhere; the hot loops skip making them otherwise."""
    return _tracing


@contextlib.contextmanager
def span_from(
    parent: str | None, name: str, kind: SpanKind, attributes: Mapping[str, str | int]
) -> Iterator[Span]:
    """A span below the `traceparent` text of another process; nearly free when tracing is off."""
    if not tracing():
        yield trace.INVALID_SPAN
        return
    context = extract({"traceparent": parent}) if parent else None
    with tracer.start_as_current_span(name, context=context, kind=kind, attributes=dict(attributes)) as span:
        yield span


@contextlib.contextmanager
def job_span(name: str, work: "Work") -> Iterator[Meta]:
    """The span of one attempt at a job, below the request or event that asked for it."""
    with span_from(
        work.meta.traceparent,
        f"job {name}",
        SpanKind.CONSUMER,
        {JOB: name, JOB_ATTEMPT: work.attempt, ACCOUNT: str(work.account_id)},
    ):
        yield work.meta


def log_failure(event: str, error: BaseException) -> None:
    """An error nobody expected, with its traceback."""
    structlog.get_logger().error(event, error=repr(error), exc_info=error)
