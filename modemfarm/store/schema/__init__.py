"""The tables, as SQLAlchemy sees them, by what they hold; `migrations.py` says how a database gets them."""

from __future__ import annotations

from modemfarm.store.schema import devices, doors, hosts, people, queue, replies
from modemfarm.store.schema.columns import meta

__all__ = ["devices", "doors", "hosts", "meta", "people", "queue", "replies"]
