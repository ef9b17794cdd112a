"""Builds the webhooks' door as config.yaml wants it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import datetime

from modemfarm.config.load import Config
from modemfarm.store.engine import Store
from modemfarm.store.offload import Offload
from modemfarm.webhooks.callbacks import Callbacks
from modemfarm.webhooks.door import Given, WebhookDoor


def build_webhooks(
    config: Config, store: Store, offload: Offload, instance: str, now: Callable[[], datetime]
) -> WebhookDoor:
    """The door; webhooks that people added later are found by it."""
    given = [Given(item.url, item.secret, item.events) for item in config.file.webhooks]
    networks = [ipaddress.ip_network(text) for text in config.file.webhook_networks]
    callbacks = Callbacks(store, offload, config.file.http.kannel_dlr_urls, networks, config.terms, now)
    return WebhookDoor(store, offload, instance, given, networks, now, callbacks)
