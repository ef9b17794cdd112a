"""All the tables together; whoever wants them takes `meta` from here, so that none is left out."""

from __future__ import annotations

from modemfarm.store.schema import devices, doors, hosts, people, queue, replies
from modemfarm.store.schema.columns import meta

__all__ = ["devices", "doors", "hosts", "meta", "people", "queue", "replies"]
