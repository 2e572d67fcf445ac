"""What the broker counts, in Prometheus' words."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Metrics:
    """A registry of its own, so that two brokers in one process don't mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"xin_broker_{name}", says, labels, registry=self._registry)

        self.accepted = counter("accepted", "Events answered with 202, replies among them.")
        self.delivered = counter("delivered", "Events that a subscriber took.", "trigger")
        self.retried = counter("retried", "Attempts that failed and are made again.", "trigger")
        self.dead_lettered = counter(
            "dead_lettered", "Events out of attempts, handed to the dead-letter sink's queue.", "trigger"
        )
        self.parked = counter("parked", "Dead letters that their sink would not take, put aside.", "trigger")
        self.ticks_lost = counter("ticks_lost", "Beats of the clock that nobody took.", "source")
        self.queue_length = Gauge(
            "xin_broker_queue_length", "Events not yet delivered.", ["trigger", "queue"], registry=self._registry
        )
        self.parked_now = Gauge("xin_broker_parked_now", "Dead letters put aside at present.", registry=self._registry)

    def text(self) -> bytes:
        """The page that `/metrics` serves."""
        return generate_latest(self._registry)
