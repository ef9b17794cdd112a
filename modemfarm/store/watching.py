"""Triggers: the database notes what happens to a row in the transaction in which it happens."""

from __future__ import annotations

from dataclasses import dataclass

from modemfarm.store.engine import Tx

NOW = "<now>"  # in what a watcher writes: microseconds since the epoch
_SQLITE_NOW = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
_SERVER_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


@dataclass(frozen=True, slots=True)
class Watcher:
    """One trigger, for each row.

    Attributes:
        moment: like ``AFTER UPDATE OF state``.
        condition: of OLD and NEW.
        work: statements with semicolons between.
    """

    name: str
    moment: str
    table: str
    condition: str
    work: str

    def switch(self, tx: Tx, *, on: bool) -> None:
        """Make it, as it is in this version, or take it away; on a server who writes to the table waits meanwhile."""
        if tx.sqlite:
            tx.run(f"DROP TRIGGER IF EXISTS {self.name}")
            if on:
                work = self.work.replace(NOW, _SQLITE_NOW)
                tx.run(
                    f"CREATE TRIGGER {self.name} {self.moment} ON {self.table} WHEN {self.condition} BEGIN {work}; END"
                )
            return
        # at once what the end needs: two who switch would else each wait for the other, or both make it
        tx.run(f"LOCK TABLE {self.table} IN ACCESS EXCLUSIVE MODE")
        tx.run(f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}")
        if on:
            work = self.work.replace(NOW, _SERVER_NOW)
            tx.run(
                f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger AS $$ BEGIN {work}; RETURN NULL; END $$"
                " LANGUAGE plpgsql"
            )
            tx.run(
                f"CREATE TRIGGER {self.name} {self.moment} ON {self.table} FOR EACH ROW WHEN ({self.condition})"
                f" EXECUTE FUNCTION {self.name}()"
            )

    def is_on(self, tx: Tx) -> bool:
        """Whether it is there."""
        if tx.sqlite:
            return bool(tx.value("SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = :n", n=self.name))
        there = "SELECT 1 FROM pg_trigger WHERE tgname = :name AND tgrelid = to_regclass(:table)"
        return bool(tx.value(there, name=self.name, table=self.table))
