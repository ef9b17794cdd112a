"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import ipaddress

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from modemfarm.errors import StoreError
from modemfarm.store import views
from modemfarm.webapp.access import check_host, deps, needs
from modemfarm.webapp.metrics import FarmCollector
from modemfarm.webapp.narrowed import whole_farm
from modemfarm.webapp.writing import reply

routes = Blueprint("health", __name__)


@routes.get("/healthz")
def healthz() -> Response:
    """200 as soon as messages are accepted."""
    farm = deps()
    trouble = farm.trouble()
    if trouble is None:
        try:
            farm.store.look(views.pauses)
        except StoreError:
            trouble = "store"
    return (
        reply(200, {"status": "ok"})
        if trouble is None
        else Response(f'{{"status": "fail", "code": "{trouble}"}}', 503, content_type="application/health+json")
    )


@routes.get("/readyz")
def readyz() -> Response:
    """200 once a modem can send."""
    farm = deps()
    try:
        ready = farm.trouble() is None and farm.store.look(views.can_send)
    except StoreError:
        ready = False
    status = "ok" if ready else "waiting"
    return Response(f'{{"status": "{status}"}}', 200 if ready else 503, content_type="application/health+json")


@routes.get("/metrics")
def metrics() -> Response:
    """Prometheus text; without a key for this host only."""
    if _from_here():
        check_host(deps().settings.names)  # a page of another site, behind a name pointed at us, is "here" too
        return _metrics()
    return _metrics_with_key()


def _from_here() -> bool:
    """Whether the peer is this host, and not a proxy on it speaking for somebody else."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


@needs("messages:read")
def _metrics_with_key() -> Response:
    whole_farm()
    return _metrics()


def _metrics() -> Response:
    farm = deps()
    registry = CollectorRegistry()
    registry.register(FarmCollector(farm.store, farm.clock, farm.lately))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
