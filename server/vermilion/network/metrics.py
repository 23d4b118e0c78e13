"""Prometheus metrics and a health check over HTTP.

Everything is read on the event loop, between two calls of clients, and only while somebody asks. The servers that
prometheus_client brings along answer from threads of their own, and the engine belongs to one thread.
"""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from time import monotonic
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from vermilion.measures import Histogram, Labels, Measure, Measured
from vermilion.network.http import Answer, Site, text

PREFIX: Final = "vermilion_"

REUSED_S: Final = 0.25
"""So long a page of metrics is answered again: writing one takes the loop 5 ms at 20 commands in use, 34 ms at 230."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The form that every Prometheus reads; the client library writes nothing beyond it for us."""


class MeasuresCollector(Collector):
    """Gives prometheus_client what a server measures.

    Args:
        sources: each returns measures of the moment.
    """

    def __init__(self, sources: Iterable[Callable[[], Iterable[Measure | Histogram]]]) -> None:
        self._sources = list(sources)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: to know the names in advance would be to measure at the start."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return the present values."""
        for source in self._sources:
            for measure in source():
                yield _histogram(measure) if isinstance(measure, Histogram) else _family(measure)


def _family(measure: Measure) -> Metric:
    """Return a counter or a gauge."""
    kind = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
    family = kind(PREFIX + measure.name, measure.doc, labels=measure.labels)
    for labels, value in measure.values.items():
        family.add_metric(_printable(labels), value)
    return family


def _histogram(measure: Histogram) -> Metric:
    """Return a histogram."""
    family = HistogramMetricFamily(PREFIX + measure.name, measure.doc, labels=measure.labels)
    bounds = [*map(str, measure.bounds), "+Inf"]
    for labels, (within, count, total) in measure.values.items():
        family.add_metric(_printable(labels), list(zip(bounds, [*within, count], strict=True)), total)
    return family


def _printable(labels: Labels) -> list[str]:
    """Return labels that can be written as UTF-8: error codes come from scripts, and may be any bytes."""
    return [label.encode("utf-8", "backslashreplace").decode() for label in labels]


def metrics_site(backend: Measured, *more: Callable[[], Iterable[Measure | Histogram]]) -> Site:
    """Return `/metrics` and `/healthz` of a server.

    Args:
        backend: what executes its calls.
        more: further sources of measures.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MeasuresCollector([backend.measures, *more]))
    ProcessCollector(registry=registry)

    written, answer = float("-inf"), text(HTTPStatus.OK, "")

    def metrics() -> Answer:
        nonlocal written, answer
        if monotonic() - written >= REUSED_S:
            answer = Answer(HTTPStatus.OK, CONTENT_TYPE, generate_latest(registry))
            written = monotonic()
        return answer

    def health() -> Answer:
        trouble = backend.trouble()
        return text(HTTPStatus.OK, "ok") if trouble is None else text(HTTPStatus.SERVICE_UNAVAILABLE, trouble)

    return Site({"/metrics": metrics, "/healthz": health})
