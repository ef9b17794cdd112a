from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.config.kinds import countries
from modemfarm.errors import ConfigError
from modemfarm.policy.lint import warnings
from modemfarm.policy.profiles import NAMES, Attestation, Profile, Rules, completed, laid_over, profile_of
from modemfarm.policy.quiet import hours_text, parse_hours
from modemfarm.store.rules import shipped_profile

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
WORD = Attestation("CN", "Wang", "consent", None, NOW, NOW)


def rules(name: str = "CN", **more: Any) -> Rules:
    return Rules(**{"profile": shipped_profile(name), "brand": "小店", **more})


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_says_where_each_rule_comes_from_and_that_nobody_verified_it(name: str) -> None:
    profile = shipped_profile(name)
    assert profile.verified_by is None
    assert datetime.fromisoformat(profile.checked_on)
    assert {"hours", "own_sim_marketing"} <= {rule.about for rule in profile.rules}
    assert all(rule.basis and rule.source for rule in profile.rules)
    assert profile.advice.keys() == {"en", "zh", "ru"}
    assert profile.countries <= countries().keys()
    assert any(profile.hours.days)


def test_no_country_has_two_profiles() -> None:
    named = [country for name in NAMES for country in shipped_profile(name).countries]
    assert len(named) == len(set(named))
    assert (profile_of("GB", shipped_profile), profile_of("DE", shipped_profile)) == ("UK", "EU")
    assert profile_of("BR", shipped_profile) == profile_of(None, shipped_profile) == "unknown"


@pytest.mark.parametrize(
    "changed",
    [{"hours": "mon 21:00-08:00"}, {"color": "red"}, {"own_sim_marketing": "maybe"}, {"countries": None}],
)
def test_a_file_that_is_no_profile_is_refused(changed: dict[str, Any]) -> None:
    data = {
        "checked_on": "2026-02-01", "countries": ["CN"], "own_sim_marketing": "restricted",
        "hours": "mon-sun 08:00-21:00", "advice": {}, "rules": [],
    }  # fmt: skip
    assert Profile.from_mapping("CN", data).name == "CN"
    with pytest.raises(ConfigError):
        Profile.from_mapping("CN", data | changed)


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("新品到店", "【小店】新品到店 回复TD退订"),
        ("【小店】新品到店", "【小店】新品到店 回复TD退订"),
        ("新品到店【大店】", "新品到店【大店】 回复TD退订"),
        ("新品到店，拒收请回复R", "【小店】新品到店，拒收请回复R"),
        ("【小店】新品到店 回T退订", "【小店】新品到店 回T退订"),
        ("新品【限时】到店", "【小店】新品【限时】到店 回复TD退订"),
    ],
)
def test_an_offer_gets_what_it_lacks(text: str, out: str) -> None:
    assert completed(text, rules()) == out


@given(st.text(max_size=80), st.sampled_from(NAMES))
def test_what_is_complete_stays_as_it_is(text: str, name: str) -> None:
    once = completed(text, rules(name))
    assert completed(once, rules(name)) == once
    assert text in once


def test_the_owners_words_win() -> None:
    own = rules("FR", own_signature="Chez Li: ", own_opt_out_line=" STOP 36180")
    assert completed("Soldes", own) == "Chez Li: Soldes STOP 36180"
    assert completed("Soldes", rules("FR", own_signature="", own_opt_out_line="")) == "Soldes"
    assert rules(brand=None).signature is None


def test_a_prohibition_wants_a_document_and_every_profile_somebodys_word() -> None:
    assert not rules("CN").is_open
    assert rules("CN", attestation=WORD).is_open
    assert not rules("FR", attestation=WORD).is_open
    assert rules("FR", attestation=replace(WORD, document="ARCEP 12")).is_open


def test_the_owners_changes_lie_over_the_profile() -> None:
    own = laid_over(
        shipped_profile("CN"),
        {"hours": "mon-fri 09:00-18:00", "per_day": "1", "own_sim_marketing": "prohibited", "verified_by": "Li"},
    )
    assert hours_text(own.hours.days) == "mon-fri 09:00-18:00"
    assert (own.caps.per_day, own.caps.per_month, own.own_sim, own.verified_by) == (1, 5, "prohibited", "Li")
    for wrong in ({"per_day": "0"}, {"per_month": "x"}, {"hours": "always"}, {"own_sim_marketing": "yes"}):
        with pytest.raises(ValueError, match=r"expected|is one of"):
            laid_over(shipped_profile("CN"), wrong)


SPANS = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda span: span[0] < span[1])


@given(st.tuples(*[st.none() | SPANS] * 7).filter(any))
def test_hours_read_back_as_they_were_written(days: tuple[tuple[int, int] | None, ...]) -> None:
    assert parse_hours(hours_text(days)) == days


@pytest.mark.parametrize(
    ("text", "marketing", "found"),
    [
        ("Your order 1042 is ready", False, ()),
        ("Winter sale: 20% off", False, ("reads_like_advert",)),
        ("Winter sale: 20% off", True, ()),
        ("全场优惠", False, ("reads_like_advert",)),
        ("Скидка на всё", False, ("reads_like_advert",)),
        ("Soldes : remise sur tout", False, ("reads_like_advert",)),
        ("Rebajas en toda la tienda", False, ("reads_like_advert",)),
        ("Promoções e descontos", False, ("reads_like_advert",)),
        ("Unsere Angebote mit Rabatten", False, ("reads_like_advert",)),
        ("Yaz İndirimi başladı", False, ("reads_like_advert",)),
        ("FIRSATLAR", False, ("reads_like_advert",)),
        ("Diskon akhir pekan", False, ("reads_like_advert",)),
        ("Saldi e sconti", False, ("reads_like_advert",)),
        ("خصم على كل الكتب", False, ("reads_like_advert",)),
        ("सभी किताबों पर छूट", False, ("reads_like_advert",)),
        ("Ihr Paket ist da", False, ()),
        ("طلبك جاهز", False, ()),
        ("आपका ऑर्डर तैयार है", False, ()),
        ("See http://shop.example/a", False, ("link_without_https",)),
        ("See shop.com/a", False, ("link_without_https",)),
        ("See https://shop.com/a and li@shop.com", False, ()),
        ("Dear {name}", False, ("open_braces",)),
        ("YOUR ORDER IS READY", False, ("all_capitals",)),
        ("CODE 4711", False, ()),
        ("您的订单已到店", False, ()),
        ("【小店】新品【小店】", True, ("signed_twice",)),
    ],
)
def test_a_sender_is_warned(text: str, marketing: bool, found: tuple[str, ...]) -> None:
    assert warnings(text, marketing=marketing, rules=rules()) == found
