"""One number or a reason by name; nothing is guessed."""

from __future__ import annotations

import contextlib

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberType

from modemfarm.errors import BadRecipientError
from modemfarm.policy.numbers import LONGEST_SHORT_CODE, Recipient, digits_key, originator, parse_recipient


def parse(
    raw: str,
    country: str | None = "CN",
    allow: str | tuple[str, ...] = "own",
    short: tuple[str, ...] = (),
    *,
    fixed: bool = False,
) -> Recipient:
    return parse_recipient(raw, country=country, allow_countries=allow, short_codes=short, allow_fixed=fixed)


@pytest.mark.parametrize(
    ("raw", "country", "number"),
    [
        ("13800138000", "CN", "+8613800138000"),
        ("+8613800138000", "CN", "+8613800138000"),
        ("008613800138000", "CN", "+8613800138000"),
        ("8613800138000", "CN", "+8613800138000"),
        ("+86 138 0013 8000", "CN", "+8613800138000"),
        ("138-0013-8000", "CN", "+8613800138000"),
        ("(138) 0013.8000", "CN", "+8613800138000"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
        ("＋８６１３８００１３８０００", "CN", "+8613800138000"),
        ("\u202a+8613800138000\u202c", "CN", "+8613800138000"),
        ("138\u00a00013\u20118000", "CN", "+8613800138000"),
        ("89161234567", "RU", "+79161234567"),
        ("79161234567", "RU", "+79161234567"),
        ("9161234567", "RU", "+79161234567"),
        ("8 (916) 123-45-67", "RU", "+79161234567"),
        ("0170 1234567", "DE", "+491701234567"),
        ("+49 (0)170 1234567", "DE", "+491701234567"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("06.12.34.56.78", "FR", "+33612345678"),
        ("+393331234567", "IT", "+393331234567"),
        ("07911 123456", "GB", "+447911123456"),
        ("+447911123456", "GB", "+447911123456"),
        ("0011 61 412 345 678", "AU", "+61412345678"),
        ("٠١٧٠١٢٣٤٥٦٧", "DE", "+491701234567"),
    ],
)
def test_a_number_is_read_in_every_spelling(raw: str, country: str, number: str) -> None:
    found = parse(raw, country)
    assert (found.number, found.kind) == (number, "international")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("13800138000.0", "spreadsheet_number"),
        ("13800138000,0", "spreadsheet_number"),
        ("1.38E+10", "spreadsheet_number"),
        ("1,38E+10", "spreadsheet_number"),
        ("1.38001E10", "spreadsheet_number"),
        ("１.38E+10", "spreadsheet_number"),
        ("13800138000,13900139000", "two_numbers"),
        ("13800138000;13900139000", "two_numbers"),
        ("13800138000 / 13900139000", "two_numbers"),
        ("13800138000、13900139000", "two_numbers"),
        ("13800138000，13900139000", "two_numbers"),
        ("13800138000 13900139000", "two_numbers"),
        ("+8613800138000+8613900139000", "two_numbers"),
        ("13800138000\n13900139000", "two_numbers"),
        ("1380013800", "impossible_length"),
        ("138001380000", "impossible_length"),
        ("+861380013800", "impossible_length"),
        ("+86138001380001", "impossible_length"),
        ("+86138001380001380013800", "impossible_length"),
        ("+999123456789", "unknown_country_code"),
        ("10000000000", "not_valid"),
        ("01012345678", "fixed_line"),
        ("+861012345678", "fixed_line"),
        ("8008101234", "service_number"),
        ("+79161234567", "country_not_allowed"),
        ("1-800-FLOWERS", "not_a_number"),
        ("Front desk", "not_a_number"),
        ("13800138000x12", "not_a_number"),
        ("138*0013", "not_a_number"),
        ("13800138000#", "not_a_number"),
        ("10086", "short_code_not_listed"),
        ("1-3-8", "short_code_not_listed"),
    ],
)
def test_what_is_not_one_number_is_refused_by_name(raw: str, code: str) -> None:
    with pytest.raises(BadRecipientError) as caught:
        parse(raw)
    assert caught.value.code == code
    assert caught.value.raw == raw


def test_national_numbers_need_a_country() -> None:
    with pytest.raises(BadRecipientError) as caught:
        parse("13800138000", None)
    assert caught.value.code == "needs_country"


@pytest.mark.parametrize("raw", ["+8613800138000", "00491701234567", "+12125550123", "+15550001234"])
def test_without_a_country_every_international_number_is_taken(raw: str) -> None:
    assert parse(raw, None).number == "+" + raw.removeprefix("+").removeprefix("00")


@pytest.mark.parametrize(
    ("raw", "country"),
    [("+19005551234", "US"), ("1-900-555-1234", "US"), ("09001234567", "DE"), ("+447012345678", "GB")],
)
@pytest.mark.parametrize("allow", ["own", "all"])
def test_premium_ranges_are_refused_everywhere(raw: str, country: str, allow: str) -> None:
    with pytest.raises(BadRecipientError) as caught:
        parse(raw, country, allow, fixed=True)
    assert caught.value.code == "premium_number"


@pytest.mark.parametrize(
    ("raw", "allow", "taken"),
    [
        ("+491701234567", "own", False),
        ("+491701234567", "all", True),
        ("+491701234567", ("CN", "DE"), True),
        ("+491701234567", ("cn", "de"), True),
        ("+491701234567", ("CN", "RU"), False),
        ("13800138000", ("RU",), False),
        ("13800138000", "own", True),
    ],
)
def test_only_allowed_countries_are_written_to(raw: str, allow: str | tuple[str, ...], taken: bool) -> None:
    if taken:
        assert parse(raw, "CN", allow).kind == "international"
    else:
        with pytest.raises(BadRecipientError) as caught:
            parse(raw, "CN", allow)
        assert caught.value.code == "country_not_allowed"


def test_a_neighbour_in_the_same_numbering_zone_is_another_country() -> None:
    with pytest.raises(BadRecipientError) as caught:
        parse("+14165550123", "US")
    assert caught.value.code == "country_not_allowed"


def test_a_fixed_line_can_be_allowed() -> None:
    assert parse("01012345678", fixed=True).number == "+861012345678"


@pytest.mark.parametrize("raw", ["10086", " １００８６ "])
def test_a_listed_short_code_goes_out_as_typed(raw: str) -> None:
    assert parse(raw, None, "own", ("10086",)) == Recipient("10086", "short", None)


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_a_reason(raw: str) -> None:
    with contextlib.suppress(BadRecipientError):
        assert parse(raw, "CN", "all", ("10086",)).number.lstrip("+").isdigit()


@given(st.integers(13000000000, 19999999999))
@example(17900001000)  # dialled in China, 17900 chooses a carrier
def test_the_quick_way_agrees_with_the_library(number: int) -> None:
    def outcome(raw: str, allow: str) -> str:
        try:
            return parse(raw, "CN" if raw.isdigit() else None, allow).number
        except BadRecipientError as error:
            return error.code

    national, international = outcome(str(number), "own"), outcome(f"+86{number}", "all")
    assert national == international or national in {"not_valid", "impossible_length"}


@pytest.mark.parametrize(
    ("raw", "country", "number"),
    [
        ("+8613800138000", None, "+8613800138000"),
        ("13800138000", "CN", "+8613800138000"),
        ("8613800138000", "CN", "+8613800138000"),
        ("0170 1234567", "DE", "+491701234567"),
        ("13800138000", None, "13800138000"),
        ("10086", "CN", "10086"),
        ("106575", "CN", "106575"),
        ("1065755512345678", "CN", "1065755512345678"),
        ("TAOBAO", "CN", "TAOBAO"),
        (" Bank 24 ", "RU", "Bank 24"),
        ("", "CN", ""),
        ("+", "CN", "+"),
    ],
)
def test_senders_are_written_like_recipients(raw: str, country: str | None, number: str) -> None:
    assert originator(raw, country) == number


@given(st.text(max_size=20), st.sampled_from(["CN", "US", "RU", None]))
def test_any_sender_has_a_form(raw: str, country: str | None) -> None:
    originator(raw, country)


def test_two_spellings_share_their_significant_digits() -> None:
    assert digits_key("+8613800138000") == digits_key("13800138000") == "800138000"


def _examples(kind: int) -> list[tuple[str, str]]:
    """Each region's published example of a kind of number; those that the region also uses for mobiles are left out."""
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None and phonenumbers.number_type(number) == kind:
            found.append((region, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)))
    return found


@pytest.mark.parametrize("kind", [PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST])
def test_every_country_s_premium_and_shared_cost_ranges_are_refused(kind: int) -> None:
    examples = _examples(kind)
    assert len(examples) > 40
    for region, number in examples:
        national = phonenumbers.format_number(phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.NATIONAL)
        for raw, country in ((number, region), (number, None), (national, region)):
            with pytest.raises(BadRecipientError) as caught:
                parse(raw, country, "all", fixed=True)
            # what is short enough nationally is a short code first, and not listed
            assert caught.value.code in {"premium_number", "short_code_not_listed"}, (region, raw)
            assert raw != number or caught.value.code == "premium_number"


def test_every_country_s_short_numbers_go_out_only_where_they_are_listed() -> None:
    seen = set()
    for region in sorted(phonenumbers.SUPPORTED_SHORT_REGIONS):
        metadata = PhoneMetadata.short_metadata_for_region(region)
        short = metadata.short_code.example_number if metadata is not None and metadata.short_code is not None else ""
        if not short or len(short) > LONGEST_SHORT_CODE:
            continue
        seen.add(short)
        for allow in ("own", "all", (region,)):
            with pytest.raises(BadRecipientError) as caught:
                parse(short, region, allow, fixed=True)
            assert caught.value.code in {"short_code_not_listed", "impossible_length"}, (
                region,
                short,
            )  # 000 is dialled
        assert parse(short, region, (), (short,)) == Recipient(short, "short", None)
    assert len(seen) > 20
