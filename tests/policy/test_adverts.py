"""Adverts and notices of twelve languages, told apart as tests/vectors/adverts.csv says."""

from __future__ import annotations

import csv
from pathlib import Path

from modemfarm.policy.adverts import reads_like_one

LIST = Path(__file__).parent.parent / "vectors" / "adverts.csv"


def test_adverts_are_known_and_notices_are_let_be() -> None:
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = [row["text"] for row in rows if reads_like_one(row["text"]) != (row["advert"] == "yes")]
    assert wrong == []
    for language in ("en", "zh", "ru", "fr", "de", "es", "pt", "tr", "id", "ar", "hi"):
        assert {row["advert"] for row in rows if row["language"] == language} == {"yes", "no"}, language
