"""The Prometheus figures, read from the database at each scrape: they survive restarts and several processes agree."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from modemfarm.store import figures
from modemfarm.store.engine import Store
from modemfarm.webapp.lately import Lately
from modemfarm.webapp.settings import Clock


class FarmCollector(Collector):
    """One scrape: one consistent view of the database."""

    def __init__(self, store: Store, clock: Clock, lately: Lately) -> None:
        self._store, self._clock, self._lately = store, clock, lately

    def describe(self) -> Iterator[Metric]:
        """Nothing is read to register."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        seen = self._lately.get("figures", lambda: self._store.look(figures.read, self._clock.now()))
        yield _counter("modemfarm_messages", "Messages by state and class", ("state", "class"), seen.messages)
        yield _counter("modemfarm_parts", "Attempts to send a part by SIM and result", ("iccid", "result"), seen.parts)
        yield _gauge("modemfarm_queue_messages", "Messages that are not final", ("state",), seen.queue)
        yield _gauge(
            "modemfarm_queue_oldest_seconds", "Age of the oldest message that waits for a SIM", (), {(): seen.oldest_s}
        )
        send = HistogramMetricFamily("modemfarm_send_seconds", "From Ctrl-Z to the network's answer")
        send.add_metric([], seen.send_buckets, seen.send_sum_s)
        yield send
        yield _gauge("modemfarm_modem_up", "1 while the modem works", ("modem",), seen.up)
        yield _gauge("modemfarm_modem_signal_dbm", "Received signal", ("modem",), seen.signal_dbm)
        yield _counter("modemfarm_modem_resets", "Rungs of the recovery ladder", ("modem", "step"), seen.resets)
        yield _gauge(
            "modemfarm_airtime_utilisation", "Share of the last 5 minutes on the air", ("modem",), seen.utilisation
        )
        yield _counter("modemfarm_inbound", "Received messages by kind", ("kind",), seen.inbound)
        yield _counter("modemfarm_optouts", "Opt-outs taken", (), {(): seen.optouts})
        offers = ("purpose", "iccid")
        yield _gauge("modemfarm_offers_sent", "Offers that left in the last 30 days", offers, seen.offers_sent)
        yield _gauge("modemfarm_offers_refused", "Of these, answered with a refusal", offers, seen.offers_refused)
        yield _gauge("modemfarm_opt_out_rate", "Share of these that was refused", offers, seen.opt_out_rate)


def _counter(name: str, what: str, labels: tuple[str, ...], values: dict[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(name, what, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _gauge(name: str, what: str, labels: tuple[str, ...], values: dict[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
