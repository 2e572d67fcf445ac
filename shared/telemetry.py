"""What the functions tell about themselves: JSON log lines, Prometheus metrics, and traces where a collector is named.

Every line written while an event or request is handled carries its correlation id, tenant and conversation.
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from prometheus_client import Counter, Histogram

from shared.settings import Settings

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)

EVENTS = Counter("xin_events_total", "Events handled, by what became of them.", ["function", "type", "outcome"])
EVENT_SECONDS = Histogram("xin_event_seconds", "Time to handle an event.", ["function", "type"], buckets=SECONDS)
WEBHOOKS = Counter("xin_webhooks_total", "Webhook calls, by what became of them.", ["function", "outcome"])
REQUESTS = Counter("xin_requests_total", "Calls of an API, by the status of the answer.", ["function", "status"])
PUBLISHED = Counter("xin_events_published_total", "Events handed to the broker, or not.", ["function", "outcome"])
TURNS = Counter("xin_turns_total", "Committed turns.", ["outcome", "model"])
TURN_SECONDS = Histogram("xin_turn_seconds", "Time to compose a turn.", buckets=SECONDS)
PARTS = Counter("xin_parts_total", "Attempts to send a part, by what the provider made of it.", ["kind", "outcome"])
NUDGES = Counter("xin_nudges_total", "Work that had stayed open and was nudged by the tick.", ["kind"])


@cache
def logger(function: str) -> Logger:
    """The function's logger: one JSON object a line on stdout, named as in its traces."""
    return Logger(service=f"xin-{function}", utc=True, use_rfc3339=True, location="")


def set_up(settings: Settings, function: str) -> None:
    """Sets the level, quiets libraries that log URLs (a URL may hold a bot's token), starts exporting traces."""
    logger(function).setLevel(settings.log_level)
    for chatty in ("httpx", "httpcore", "openai", "botocore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if settings.otlp_endpoint:
        _export_traces(function)


@contextmanager
def about(**keys: object) -> Iterator[None]:
    """While inside, every log line of this task carries *keys*; those that are None are left out."""
    log = logger("context")
    before = dict(log.thread_safe_get_current_keys())
    log.thread_safe_append_keys(**{name: str(value) for name, value in keys.items() if value is not None})
    try:
        yield
    finally:
        log.thread_safe_clear_keys()
        log.thread_safe_append_keys(**before)


@contextmanager
def span(function: str, name: str, traceparent: str = "", **attributes: str) -> Iterator[str]:
    """A span named *name* below *traceparent*; yields the traceparent for what it causes.

    Without a collector no span is recorded, and the trace's id is passed on, or made, all the same.
    """
    tracer = _tracers.get(function)
    if tracer is None:
        yield traceparent or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    with tracer.start_as_current_span(name, context=parent, attributes=attributes):
        TraceContextTextMapPropagator().inject(carrier)
        yield carrier["traceparent"]


_tracers: dict[str, Any] = {}


def _export_traces(function: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if function not in _tracers:
        provider = TracerProvider(resource=Resource.create({"service.name": f"xin-{function}"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        _tracers[function] = provider.get_tracer("xin")
