"""What the tables are made of.

Times are microseconds since the epoch (UTC) in BIGINT columns, booleans 0/1, JSON is text: the same on SQLite
and PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Text

meta = MetaData()
ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself only where the type is INTEGER


def us(name: str, *, null: bool = True) -> Column[int]:
    """A moment."""
    return Column(name, BigInteger, nullable=null)


def words(name: str, default: str | None = None) -> Column[str]:
    """A text column: nullable without a default."""
    if default is None:
        return Column(name, Text)
    return Column(name, Text, nullable=False, server_default=default)


def flag(name: str, default: int = 0) -> Column[int]:
    """Yes or no."""
    return Column(name, Integer, nullable=False, server_default=str(default))
