"""Spans of steps, exported by OTLP; without an endpoint nothing is imported and nothing is done."""

from __future__ import annotations

import re
from typing import Any

from millrace_worker.generated import step_pb2 as pb

_TRACE_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Tracing:
    """Makes no spans."""

    def step(self, run_id: str, trace_parent: str, result: pb.StepResult) -> None:
        """A step has ended."""

    def close(self) -> None:
        """Exports what is left."""


class OtlpTracing(Tracing):
    """Makes a span `step.run` of every step, below the span that started the assignment."""

    def __init__(self, worker_id: str) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._trace = trace
        attributes = {"service.name": "millrace-worker", "service.instance.id": worker_id}
        self._provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=500))
        self._tracer = self._provider.get_tracer("millrace_worker")

    def step(self, run_id: str, trace_parent: str, result: pb.StepResult) -> None:
        """Makes the span after the fact: its times are the result's."""
        parent = self._parent(trace_parent)
        if parent is None:
            return
        attributes = {
            "millrace.run.id": run_id,
            "millrace.step.name": result.name,
            "millrace.step.path": result.path,
        }
        span = self._tracer.start_span(
            "step.run", context=parent, attributes=attributes, start_time=_nanoseconds(result.start_time)
        )
        if result.HasField("failure"):
            failure = result.failure
            span.set_status(self._trace.StatusCode.ERROR, failure.type)
            span.add_event("exception", {"exception.type": failure.type}, timestamp=_nanoseconds(result.end_time))
        span.end(_nanoseconds(result.end_time))

    def close(self) -> None:
        """Exports what is left, within the exporter's own time limit."""
        self._provider.shutdown()

    def _parent(self, trace_parent: str) -> Any:
        found = _TRACE_PARENT.fullmatch(trace_parent)
        if found is None:
            return None
        context = self._trace.SpanContext(
            trace_id=int(found[1], 16),
            span_id=int(found[2], 16),
            is_remote=True,
            trace_flags=self._trace.TraceFlags(int(found[3], 16)),
        )
        return self._trace.set_span_in_context(self._trace.NonRecordingSpan(context))


def _nanoseconds(time: Any) -> int:
    return int(time.seconds) * 1_000_000_000 + int(time.nanos)
