"""Figures of a server, as Prometheus reads them. Knows no request."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from nextgpt_serve.media.store import MediaStore
from nextgpt_serve.memory import resident_bytes
from nextgpt_serve.parts import MediumPart, Writing
from nextgpt_serve.queue import Queue

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counts what happens; how much waits is asked when it is read."""

    def __init__(self, queue: Queue, store: MediaStore) -> None:
        own = self._registry = CollectorRegistry()
        gauges = {
            "nextgpt_answers_under_way": ("Answers under way", lambda: queue.under_way),
            "nextgpt_answers_waiting": ("Answers that wait", lambda: queue.waiting),
            "nextgpt_media_bytes": ("Media kept for their askers", lambda: store.bytes),
            "nextgpt_resident_bytes": ("Memory of the process", resident_bytes),
        }
        for name, (told, figure) in gauges.items():
            Gauge(name, told, registry=own).set_function(figure)
        self._requests = Counter(
            "nextgpt_requests", "Requests answered", ["route", "status"], registry=own
        )
        self._tokens = Counter(
            "nextgpt_tokens", "Tokens of the language model", ["kind"], registry=own
        )
        self._encoded = Counter(
            "nextgpt_encoded_media", "Media that an encoder was called for", registry=own
        )
        self._answers = Histogram(
            "nextgpt_answer_seconds", "Whole answers", buckets=_SECONDS, registry=own
        )
        self._first = Histogram(
            "nextgpt_first_text_seconds", "First text of answers", buckets=_SECONDS, registry=own
        )
        self._media = Histogram(
            "nextgpt_medium_seconds",
            "Media, from their order on",
            ["channel"],
            buckets=_SECONDS,
            registry=own,
        )
        self._failed = Counter(
            "nextgpt_failed_media", "Media that could not be made", ["channel"], registry=own
        )

    def request(self, route: str, status: int) -> None:
        """A request was answered: also one that was turned away."""
        self._requests.labels(route, str(status)).inc()

    def answer(self, writing: Writing) -> None:
        """An answer is whole."""
        assert writing.answer is not None
        told = writing.answer.timings
        for kind, count in (
            ("computed", told.prefilled_tokens),
            ("reused", told.reused_tokens),
            ("media", told.media_tokens),
            ("written", told.generated_tokens),
            ("signals", told.signal_tokens),
        ):
            self._tokens.labels(kind).inc(count)
        self._encoded.inc(told.encoded_media)
        self._answers.observe(told.total_s)
        if told.first_text_s is not None:
            self._first.observe(told.first_text_s)
        for part in writing.parts:
            if isinstance(part, MediumPart) and part.seconds is not None:
                self._media.labels(part.channel.name).observe(part.seconds)
            elif isinstance(part, MediumPart):
                self._failed.labels(part.channel.name).inc()

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self._registry)
