"""What a server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from masklet.server.worker import Urgency

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one server (a process may have several, in tests)."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "masklet_requests", "HTTP requests by method and status", ["method", "status"], registry=self._registry
        )
        self.commands = Counter(
            "masklet_commands", "Commands of pages by type and outcome", ["type", "outcome"], registry=self._registry
        )
        self.command_seconds = Histogram(
            "masklet_command_seconds",
            "From a command to its answer",
            ["type"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.wait_seconds = Histogram(
            "masklet_wait_seconds", "Time in the worker's queue", ["urgency"], buckets=_SECONDS, registry=self._registry
        )
        self.tracked_frames = Counter("masklet_tracked_frames", "Frames tracked", registry=self._registry)
        self.pages = Gauge("masklet_pages", "Pages connected", registry=self._registry)
        self.live_media = Gauge("masklet_live_media", "Media that are open", registry=self._registry)
        self.sessions = Gauge("masklet_sessions", "Media that the model holds", registry=self._registry)
        self.feature_bytes = Gauge("masklet_feature_bytes", "Image features that are kept", registry=self._registry)

    def waited(self, urgency: Urgency, seconds: float) -> None:
        """A task has left the worker's queue."""
        self.wait_seconds.labels(urgency.name.lower()).observe(seconds)

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)
