"""Files of SMS Server Tools as drafts."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.errors import BadFieldError
from modemfarm.intake.accept import check
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.spool.headers import OBEYED, REFUSED, WRITTEN, BadFileError, cut, with_headers
from modemfarm.spool.reading import draft


def read(*headers: str, body: bytes = b"Hello\n") -> Draft:
    return draft(cut("\n".join(("To: 491721234567", *headers)).encode() + b"\n\n" + body), "file")


@pytest.mark.parametrize("content", [b"To:\n\nx", b"X-To: 4912\n\nx"])
def test_a_file_to_nobody_is_refused(content: bytes) -> None:
    with pytest.raises(BadFileError, match="no To:"):
        draft(cut(content), "a")


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    content = b"\xef\xbb\xbfTo: 491721234567\n\nHello"
    assert draft(cut(content), "a").to == "+491721234567"
    assert with_headers(content, {"Modem": "A"}) == b"To: 491721234567\nModem: A\n\nHello"


def test_only_headers_that_mean_something_may_not_stand_twice() -> None:
    assert read("X-Ours: a", "X-Ours: b", "Macro: e=a", "Macro: o=u").text == "Hallu"


def test_the_example_of_the_manual_is_read() -> None:
    found = draft(cut(b"To: 491721234567\nFlash: yes\nAlphabet: ISO\n\nHello Stefan, how are you?\n"), "a")
    assert (found.to, found.text, found.flash) == ("+491721234567", "Hello Stefan, how are you?", True)
    assert (found.reference, found.report, found.message_class) == ("a", None, None)


@pytest.mark.parametrize(
    ("header", "to"),
    [
        ("To: 491721234567", "+491721234567"),
        ("To: 49 172 1234567", "+491721234567"),
        ("To: +491721234567", "+491721234567"),
        ("To: 00491721234567", "+491721234567"),
        ("To: s10086", "10086"),
        ("To: 0172 1234567", "01721234567"),
    ],
)
def test_numbers_are_international_without_plus(header: str, to: str) -> None:
    assert draft(cut(header.encode() + b"\n\nHello"), "a").to == to


def test_a_national_number_is_said_to_be_one() -> None:
    assert draft(cut(b"To_TOA: national\nTo: 13800138000\n\nHello"), "a").to == "13800138000"


@pytest.mark.parametrize(
    ("alphabet", "body", "text"),
    [
        pytest.param("", "Grüße 你好".encode(), "Grüße 你好", id="absent-utf8"),
        pytest.param("", "Grüße €".encode("iso8859-15"), "Grüße €", id="absent-latin9"),
        pytest.param("ISO", "您好".encode(), "您好", id="iso-utf8"),
        pytest.param("Latin", b"Gr\xfc\xdfe", "Grüße", id="latin"),
        pytest.param("UTF-8", "😀".encode(), "😀", id="utf"),
        pytest.param("UCS2", "您好😀".encode("utf-16-be"), "您好😀", id="ucs"),
        pytest.param("Chinese", "\ufeff退订".encode("utf-16-be"), "退订", id="bom"),
        pytest.param("Unicode", "\ufeff退订".encode("utf-16-le"), "退订", id="little"),
        pytest.param("GSM", b"\x00\x1b\x65 \x01", "@€ £", id="gsm"),
        pytest.param("ISO", b"Hello  \r\n\n", "Hello", id="trimmed"),
    ],
)
def test_alphabets(alphabet: str, body: bytes, text: str) -> None:
    assert read(*([f"Alphabet: {alphabet}"] if alphabet else []), body=body).text == text


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        (["Alphabet: binary"], b"Hello", "Alphabet"),
        (["Alphabet: EBCDIC"], b"Hello", "Alphabet"),
        (["Alphabet: UTF-8"], b"Gr\xfc\xdfe", "not UTF-8"),
        (["Alphabet: UCS2"], b"abc", "not UTF-16"),
        (["Alphabet: GSM"], b"\xff12", "above 7F"),
        (["Class: 2"], b"Hello", "Class"),
        (["Autosplit: 0"], b"x" * 200, "Autosplit"),
        (["Autosplit: 9"], b"x", "Autosplit"),
        (["Validity: soon"], b"x", "Validity"),
        (["Validity: 300"], b"x", "Validity"),
        (["To_TOA: martian"], b"x", "To_TOA"),
        (["Validity: 1.5 hours"], b"x", "Validity"),
        (["Report: maybe"], b"x", "^Report: maybe is neither yes nor no"),
        (["Flash: 2"], b"x", "^Flash: 2 is neither"),
        (["Confirm-Emergency: please"], b"x", "^Confirm-Emergency: please is neither"),
        (["Hex: perhaps"], b"x", "^Hex: perhaps is neither"),
        (["System_message: 3"], b"x", "^System_message: 3 is neither"),
        (["Priority: Bogus"], b"x", "^Priority: Bogus is none of"),
        (["Queue: A", "Provider: B"], b"x", "^Queue: and Provider: "),
        (["To: 491707654321"], b"x", "^To: stands more than once"),
        (["Report: yes", "Report: yes"], b"x", "^Report: stands more than once"),
        (["Hex: no", "Hex: no"], b"x", "^Hex: stands more than once"),
    ],
)
def test_what_cannot_be_sent_is_said_by_name(headers: list[str], body: bytes, reason: str) -> None:
    with pytest.raises(BadFileError, match=reason):
        read(*headers, body=body)


# every header that the format's manual names, one that asks for something, and what the draft then has; None: refused
_FORMAT: dict[str, dict[str, object] | None] = {
    "To: 491707654321": {"to": "+491707654321"},
    "To_TOA: national": {"to": "491721234567"},
    "Alphabet: GSM": {"text": "HellΔ"},
    "Alphabet: binary": None,
    "Report: yes": {"report": True},
    "Flash: on": {"flash": True},
    "Class: 0": {"flash": True},
    "Class: 1": None,
    "Autosplit: 3": {},  # what is always done
    "Validity: 1 day": {"valid_for": timedelta(days=1)},
    "Priority: High": {"priority": 9},
    "Queue: shop": {"pinned": "shop"},
    "Provider: shop": {"pinned": "shop"},
    "Macro: l=p": {"text": "Heppo"},
    "UDH: yes": None,
    "UDH-DATA: 06 05 04 15 8A 00 00": None,
    "SMSC: 491722270000": None,
    "Retries: 3": None,
    "Replace: 1": None,
    "Reject_duplicates: true": None,
    "Reply_path: yes": None,
    "Ping: yes": None,
    "System_message: yes": None,
    "System_message: ToSIM": None,
    "Hex: yes": None,
    "DCS_hex: F5": None,
    "Message_reference: 17": None,
    "Language: 01": None,
    "Language_ext: 01": None,
    "Include: /tmp/more": None,
    "Text_is_pdu: yes": None,
    "Voicecall: yes": None,
}


@pytest.mark.parametrize(("header", "wanted"), _FORMAT.items())
def test_every_header_of_the_format_is_honoured_or_refused_by_name(
    header: str, wanted: dict[str, object] | None
) -> None:
    body = b"Hell\x10" if header == "Alphabet: GSM" else b"Hello"
    if wanted is None:
        with pytest.raises(BadFileError, match=f"^{header.partition(':')[0]}: "):
            read(header, body=body)
    elif header.startswith("To:"):
        assert draft(cut(header.encode() + b"\n\nHello"), "file") == replace(read(body=b"Hello"), **wanted)  # type: ignore[arg-type] # the table's columns differ
    else:
        assert read(header, body=body) == replace(read(), **wanted)  # type: ignore[arg-type] # the table's columns differ


def test_the_table_names_every_header_that_is_obeyed_or_refused() -> None:
    ours = {"Message-Class", "Confirm-Emergency"}
    assert {header.partition(":")[0] for header in _FORMAT} == {*OBEYED, *REFUSED} - ours


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_every_refused_header_is_named(name: str) -> None:
    with pytest.raises(BadFileError, match=f"^{name}: "):
        read(f"{name}: 1")


def test_a_validity_beyond_the_calendar_is_said_by_name() -> None:
    endless = read("Validity: 9999 years")
    with pytest.raises(BadFieldError, match="valid_for"):
        check(endless, IntakeSettings(), datetime(2026, 3, 14, tzinfo=UTC))


@pytest.mark.parametrize("name", ["Hex", "Ping", "Voicecall", "Reply_path", "Text_is_pdu", "UDH"])
def test_a_header_that_asks_for_nothing_is_no_fault(name: str) -> None:
    assert read(f"{name}: no").text == "Hello"


@pytest.mark.parametrize(
    ("said", "span"),
    [
        ("10 min", timedelta(minutes=10)),
        ("2 hours", timedelta(hours=2)),
        ("day 3", timedelta(days=3)),
        ("0", timedelta(minutes=5)),
        ("143", timedelta(hours=12)),
        ("167", timedelta(hours=24)),
        ("196", timedelta(days=30)),
        ("255", timedelta(weeks=63)),
    ],
)
def test_validity(said: str, span: timedelta) -> None:
    assert read(f"Validity: {said}").valid_for == span


def test_class_priority_queue_report_and_macros() -> None:
    found = read(
        "Message-Class: Marketing",
        "Priority: High",
        "Queue: shop",
        "Report: yes",
        "Macro: @N@=Anna",
        "X-Ours: kept",
        body=b"Dear @N@",
    )
    assert (found.message_class, found.priority, found.pinned, found.report) == ("marketing", 9, "shop", True)
    assert found.text == "Dear Anna"


def test_unknown_headers_are_kept_and_ours_replaced() -> None:
    old = b"To: 4912\nX-Ticket: 17\nFail_reason: once\nModem: A\r\n\nbody\n\nmore \xff"
    assert with_headers(old, {"Modem": "B\nTo: 1"}) == b"To: 4912\nX-Ticket: 17\nModem: B To: 1\n\nbody\n\nmore \xff"


@given(st.binary(max_size=300))
def test_any_octets_are_a_draft_or_a_reason(octets: bytes) -> None:
    with contextlib.suppress(BadFileError):
        assert draft(cut(octets), "x").to


@given(st.binary(max_size=200), st.sampled_from(WRITTEN))
def test_adding_headers_keeps_the_body(octets: bytes, name: str) -> None:
    again = cut(with_headers(octets, {name: "1"}))
    assert again.body == cut(octets).body
    assert again.values[name] == "1"
