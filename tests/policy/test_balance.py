"""Amounts in what operators answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.policy.balance import amount


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Balance 12.34 CNY", 12.34),
        ("余额12.34元", 12.34),
        ("您的余额-3.50元", -3.5),
        ("Ваш баланс 1 234,50 р.", 1234.5),
        ("Balance: 1,234.50", 1234.5),
        ("Ksh1,500", 1500.0),
        ("Your number 13912345678, credit 7", 7.0),
        ("Valid until 31.12.2027. Credit 5.20 EUR", 5.2),
        ("Dial *100# again", None),
        ("", None),
    ],
)
def test_the_amount_is_found_in_usual_answers(text: str, value: float | None) -> None:
    assert amount(text) == value


def test_the_owners_expression_decides() -> None:
    assert amount("bonus 5.00, main 7.25", "main ([0-9.]+)") == 7.25
    assert amount("bonus 5.00", "main ([0-9.]+)") is None
    assert amount("12,5 left", r"[\d,]+") == 12.5
    assert amount("main .", "main ([0-9.]+)") is None


@given(st.text())
def test_any_text_has_an_amount_or_none(text: str) -> None:
    assert isinstance(amount(text), float | None)
