"""Figures of the service for Prometheus: requests as they are answered, what waits when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from upstep.clock import to_seconds
from upstep.state import tables
from upstep.state.session import reading

if TYPE_CHECKING:
    from upstep.web.context import Context

disable_created_metrics()  # type: ignore[no-untyped-call]
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Counters of one service. Each has a registry of its own, so that several may run in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "upstep_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "upstep_request_seconds", "Time to answer.", ("route",), buckets=_BUCKETS, registry=self.registry
        )
        # Finding a labelled child takes longer than counting in it.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.events = Counter("upstep_events", "Events taken in.", ("result",), registry=self.registry)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        found = self._known.get((route, method, status))
        if found is None:
            found = self._known[route, method, status] = (
                self.requests.labels(route, method, str(status)),
                self.seconds.labels(route),
            )
        found[0].inc()
        found[1].observe(seconds)

    def text(self, context: Context) -> bytes:
        """All of them in Prometheus's text form."""
        now = CollectorRegistry()
        now.register(_Standing(context))
        return bytes(generate_latest(self.registry) + generate_latest(now))


class _Standing(Collector):
    """What stands in the stores at this moment."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """Gauges, read anew each time."""
        context = self._context
        if context.inbox is not None:
            yield GaugeMetricFamily("upstep_inbox_depth", "Events that wait to be loaded.", context.inbox.depth())
        message, offer, mark = tables.message, tables.offer, tables.watermark
        messages = GaugeMetricFamily("upstep_messages", "Messages in the outbox, by status.", labels=["status"])
        offers = GaugeMetricFamily("upstep_offers", "Offers, by status.", labels=["status"])
        with reading(context.state) as connection:
            for family, table in ((messages, message), (offers, offer)):
                counts = sa.select(table.c.status, sa.func.count()).group_by(table.c.status)
                for status, count in connection.execute(counts):
                    family.add_metric([status], count)
            newest = connection.execute(sa.select(sa.func.max(mark.c.published_at))).scalar()
        yield messages
        yield offers
        if newest is not None:
            age = to_seconds(context.clock()) - to_seconds(newest)
            yield GaugeMetricFamily("upstep_decisions_age_seconds", "Since decisions were last published.", age)
