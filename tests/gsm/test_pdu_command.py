"""`modemfarm pdu` as a program uses it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modemfarm.cli.pdu import pdu

DELIVER = "00040C9194711032547600006230921003518004E2347D0E"
REPORT = "00062A0C91947110325476623092100351806230921013748046"
KEYS = {
    "kind", "smsc", "number", "text", "data", "dcs", "reference", "concat", "status", "time", "discharge_time", "srr",
    "validity", "message_class",
}  # fmt: skip


def run(*words: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(pdu, list(words), input=stdin, catch_exceptions=False)


def documents(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_document_has_every_field() -> None:
    result = run("decode", "--json", DELIVER, REPORT, "0001000C91947110325476000005E8329BFD06")
    assert result.exit_code == 0
    found = documents(result)
    assert [set(document) for document in found] == [KEYS] * 3
    assert [document["kind"] for document in found] == ["deliver", "status_report", "submit"]


def test_malformed_pdu_has_its_error_in_its_place_and_the_rest_goes_on() -> None:
    lines = ["", DELIVER, "xyz", "0", "0004", REPORT.lower(), "  " + DELIVER + "\t"]
    result = run("decode", "--json", "-", stdin="\r\n".join(lines))
    assert result.exit_code == 2
    found = documents(result)
    assert [document.get("kind", "error") for document in found] == [
        "error", "deliver", "error", "error", "error", "status_report", "deliver",
    ]  # fmt: skip
    assert found[2] == {"error": "hex at octet 0: 'x' is no hexadecimal digit"}


def test_octets_that_are_no_text_are_an_error_and_no_crash() -> None:
    result = run("decode", "--json", "-", stdin=b"\xff\xfe\x00\n" + DELIVER.encode())
    assert [set(document) == {"error"} for document in documents(result)] == [True, False]


def test_digits_of_other_scripts_are_no_hex() -> None:
    assert set(documents(run("decode", "--json", "٠٠"))[0]) == {"error"}


def test_nothing_to_decode_is_bad_usage() -> None:
    assert run("decode").exit_code == 2


def test_nothing_on_standard_input_is_no_pdu() -> None:
    result = run("decode", "--json", "-", stdin="")
    assert (result.exit_code, result.stdout) == (0, "")


def test_bare_tpdu_is_read_on_request() -> None:
    assert documents(run("decode", "--json", "--no-smsc", DELIVER[2:]))[0]["text"] == "bits"


def test_enhanced_validity_is_shown_in_hex() -> None:
    (made,) = documents(run("encode", "--json", "+1", "x", "--validity", "421E0000000000"))
    (found,) = documents(run("decode", "--json", made["pdu"]))
    assert found["validity"] == {"enhanced": "421e0000000000"}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("48h", {"relative": 168}), ("90m", {"relative": 17}), ("1d12h", {"relative": 167}), ("2w", {"relative": 180}),
        ("30s", {"relative": 0}), ("11", {"relative": 11}), ("255", {"relative": 255}),
        ("2026-11-22T18:05:09+02:00", {"absolute": "2026-11-22T18:05:09+02:00"}),
        ("2026-11-22T18:05:09Z", {"absolute": "2026-11-22T18:05:09+00:00"}),
    ],
)  # fmt: skip
def test_validity_is_taken_in_each_form(written: str, shown: dict[str, Any]) -> None:
    (made,) = documents(run("encode", "--json", "+1", "x", "--validity", written))
    assert documents(run("decode", "--json", made["pdu"]))[0]["validity"] == shown


@pytest.mark.parametrize(
    "words",
    [
        ("+1", "x", "--validity", "256"), ("+1", "x", "--validity", "soon"), ("+1", "x", "--validity", "2026-11-22"),
        ("+1", "x", "--validity", "2099-11-22T00:00:00Z"), ("abc", "x"), ("", "x"), ("+1", "ж", "--encoding", "gsm7"),
        ("+1", "x", "--language", "klingon"), ("+1", "a" * 40000), ("+1", "x", "--reference", "256"),
        ("+1", "x", "--smsc", "abc"), ("+" + "1" * 21, "x"),
    ],
)  # fmt: skip
def test_bad_input_is_exit_code_2(words: tuple[str, ...]) -> None:
    result = run("encode", "--json", *words)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_all_options_reach_the_pdu() -> None:
    words = ("encode", "--json", "10086", "ж" * 80, "--reference", "5", "--concat-ref", "300", "--report", "--flash")
    found = documents(run("decode", "--json", *(made["pdu"] for made in documents(run(*words)))))
    assert [document["concat"] for document in found] == [
        {"ref": 300, "total": 2, "number": 1}, {"ref": 300, "total": 2, "number": 2},
    ]  # fmt: skip
    for document in found:
        assert (document["number"], document["reference"], document["srr"]) == ("10086", 5, True)
        assert (document["dcs"], document["message_class"], document["validity"]) == (0x18, 0, None)
    assert "".join(document["text"] for document in found) == "ж" * 80


def test_encoding_can_be_forced() -> None:
    (made,) = documents(run("encode", "--json", "+1", "plain", "--encoding", "ucs2"))
    assert documents(run("decode", "--json", made["pdu"]))[0]["dcs"] == 8


@pytest.mark.parametrize("language", ["hindi", "Hindi", "6", "hi", "HI"])
def test_language_is_named_or_numbered(language: str) -> None:
    (made,) = documents(run("encode", "--json", "+1", "नमस्ते १२३", "--language", language))
    (found,) = documents(run("decode", "--json", made["pdu"]))
    assert (found["dcs"], found["text"]) == (0, "नमस्ते १२३")


def test_text_without_json_shows_fields_and_no_control_characters() -> None:
    (made,) = documents(run("encode", "--json", "+1", "bell\x07 and \x1b[31m", "--encoding", "ucs2"))
    result = run("decode", made["pdu"])
    assert result.exit_code == 0
    assert "bell\\x07 and \\x1b[31m" in result.stdout
    assert "submit" in result.stdout


def test_encode_without_json_prints_length_and_pdu() -> None:
    assert run("encode", "+491701234567", "hello").stdout == "18 0001000C91947110325476000005E8329BFD06\n"


def test_errors_without_json_are_shown_too() -> None:
    result = run("decode", "00", DELIVER)
    assert result.exit_code == 2
    assert result.stdout.startswith("malformed: TP-MTI at octet 1")
    assert "bits" in result.stdout
