"""Figures of the service for Prometheus: requests, rows, batches, queues, reloads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)


class Metrics:
    """Counters of one process; several processes write theirs into a folder, and any of them shows the sum.

    Parameters
    ----------
    shared
        That folder (``PROMETHEUS_MULTIPROC_DIR``); None: this is the only process.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self.registry = CollectorRegistry()
        self._shared = shared
        own = self.registry if shared is None else None
        self.requests = Counter("strandloom_requests", "Requests answered", ["route", "method", "status"], registry=own)
        self.seconds = Histogram(
            "strandloom_request_seconds", "Seconds from request to answer", ["route"], buckets=_SECONDS, registry=own
        )
        self.rows = Counter(
            "strandloom_rows", "Rows answered (ok) or refused (error)", ["model", "result"], registry=own
        )
        self.batch_rows = Histogram(
            "strandloom_batch_rows", "Rows computed together", ["model"], buckets=_ROWS, registry=own
        )
        self.batch_seconds = Histogram(
            "strandloom_batch_seconds", "Seconds of a batch", ["model"], buckets=_SECONDS, registry=own
        )
        self.queue = Gauge(
            "strandloom_queue_rows", "Rows that wait", ["model"], registry=own, multiprocess_mode="livesum"
        )
        self.reloads = Counter("strandloom_reloads", "Bundles taken anew", ["model", "result"], registry=own)

    def batch(self, model: str) -> Callable[[int, float], None]:
        """What hears of each batch of a model."""
        rows, seconds = self.batch_rows.labels(model), self.batch_seconds.labels(model)

        def observe(count: int, spent: float) -> None:
            rows.observe(count)
            seconds.observe(spent)

        return observe

    def answered(self, model: str, *, ok: int, errors: int) -> None:
        """Count rows."""
        if ok:
            self.rows.labels(model, "ok").inc(ok)
        if errors:
            self.rows.labels(model, "error").inc(errors)

    def text(self) -> bytes:
        """All figures as Prometheus reads them."""
        if self._shared is None:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._shared))
        return generate_latest(registry)
