"""Every row of the error tables, against a copy written by hand from the specifications' classification."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from modemfarm.at.errors_table import ErrorTable, ReportState
from modemfarm.errors import ConfigError
from modemfarm.resources import shipped

FILE = shipped("drivers/errors.toml")
DATA: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))
TABLE = ErrorTable.from_mapping(DATA)

# kind, family; then CLASS: numbers; a "?" behind a number: the network may have accepted the message
COPY = """
cms
RCPT_PERM: 1 195 196
SIM: 8 10 28 29 50 69 193
TRANSIENT: 11 22 41 42 47 81 98 213 0 2 7 9 12 16 18 20 23 26 31 37 39 40 43 46 48 49 51 68 70 80 100 110 112 126
NETWORK: 17 38 192 194 331 332?
AMBIG: 21 30 111 127 197? 255 177 191 200 207 214 223 340? 500? 512? 513? 604? 999? 65535?
RCPT_TEMP: 27
CONTENT: 95 96 97 99 128 129 130 131 142 143 144 145 146 158 159 160 161 162 174 175 176 304 305
CONFIG: 198 199 208 211 303 317 318 321? 322? 330
SIM_HARD: 209 310 311 312 315 316
DEVICE: 210? 300? 301 320 306? 319? 323? 341? 499? 501? 511?
WAIT: 212 302 313 314
TRANSIENT: 224? 225? 240? 254?

cms wavecom
TRANSIENT: 512 513? 514 517? 525? 527
WAIT: 515
CONFIG: 526 531
NETWORK: 528 529
AMBIG: 516? 530? 532?

cms siemens
TRANSIENT: 512?
CONFIG: 513 538
CONTENT: 514 515 516 517 519 520 549 550 551 553 554
NETWORK: 521?
WAIT: 522 532 535
AMBIG: 534?

cms siemens_m20
WAIT: 512

cms simcom
TRANSIENT: 224? 225? 226? 525 528 530
CONTENT: 323 324 325 513 514 519 520 524
AMBIG: 512? 533?
DEVICE: 515
CONFIG: 516 517 518 523? 526? 527? 531
WAIT: 521 532
NETWORK: 522
SIM: 529

cms quectel
WAIT: 512
CONTENT: 513 514
DEVICE: 515
CONFIG: 517 531
TRANSIENT: 528 530
SIM: 529
AMBIG: 516? 604?

cms quectel2g
WAIT: 512? 604?
CONTENT: 513? 514?
DEVICE: 515?
CONFIG: 517? 531?
TRANSIENT: 528? 530?
SIM: 529?

cms telit
SIM: 510
TRANSIENT: 512 514
NETWORK: 513? 515?

cms ublox
NETWORK: 287 290 360 513? 538? 604 605 628
WAIT: 296 297 539 606 609 610
RCPT_PERM: 350 355
SIM: 351 352 357 358 364 365 543 623 658?
DEVICE: 353?
AMBIG: 354 359 372 373 512? 540? 541? 547? 548?
RCPT_TEMP: 356
TRANSIENT: 361 362 363 366 370 514 515 608? 620 625? 630? 657? 659? 665?
CONTENT: 367 368 369 371 516 524 527 535
CONFIG: 525 526 544 545 546
SIM_HARD: 621

cms sierra_hl78
WAIT: 606

cms motorola_g20
NETWORK: 512 515
RCPT_PERM: 513
CONTENT: 514
CONFIG: 516

cms itegno
AMBIG: 512? 513?

cms huawei
AMBIG: 512? 513? 515? 529?

cme
DEVICE: 0? 1? 2? 23? 58? 59? 60? 105? 106?
WAIT: 3? 13 14 57?
CONFIG: 4? 17 18 20? 21? 22? 48 49? 50 51? 56? 61?
SIM_HARD: 5 6 7 10 11 12 15 16 40 41 42 43 44 45 46 47 102 103 104
CONTENT: 24 25 26 27
NETWORK: 30? 31? 53? 54? 55? 111? 112? 113? 114? 115? 116? 117? 118? 171? 200? 233?
SIM: 32? 62? 107? 108?
TRANSIENT: 52? 122?
AMBIG: 63? 100? 125? 150? 8? 9? 64? 256? 515? 65535?

cme siemens
WAIT: 256? 258? 640?
SIM: 257?
TRANSIENT: 259?
CONTENT: 260
SIM_HARD: 262 770 772

cme huawei
NETWORK: 257?
TRANSIENT: 258?
SIM: 261 262?
CONFIG: 65280? 65283? 65287?

cme telit
NETWORK: 257?
TRANSIENT: 258?
SIM: 261 262?
WAIT: 680? 684?
SIM_HARD: 770
DEVICE: 900?

cme wavecom
WAIT: 515?
AMBIG: 516?

cme simcom
CONFIG: 765 766 773 791 793 796 797?
DEVICE: 767? 772
WAIT: 769?
SIM_HARD: 770

cme quectel
AMBIG: 901? 904?

cme ublox
SIM_HARD: 262 701 702
WAIT: 608?
AMBIG: 1001? 1127?

cme sierra_hl78
NETWORK: 501?
WAIT: 500?
SIM_HARD: 800
"""


def rows() -> Iterator[tuple[str, str | None, int, str, str]]:
    for block in COPY.strip().split("\n\n"):
        head, *lines = block.splitlines()
        kind, _, family = head.partition(" ")
        for line in lines:
            name, _, numbers = line.partition(":")
            for number in numbers.split():
                accepted = "maybe" if number.endswith("?") else "no"
                yield kind, family or None, int(number.rstrip("?")), name, accepted


@pytest.mark.parametrize(("kind", "family", "code", "name", "accepted"), list(rows()))
def test_error_is_classified(kind: str, family: str | None, code: int, name: str, accepted: str) -> None:
    found = TABLE.classify(kind, code, family)
    assert (found.cls, found.accepted) == (name, accepted)
    assert found.meaning
    assert found.source


def test_the_copy_has_every_row_of_the_file() -> None:
    copied = list(rows())
    for table in DATA["table"]:
        family = table.get("family")
        codes = [code for kind, name, code, _, _ in copied if kind == table["kind"] and name == family]
        for row in table["rows"]:
            first, last = row.get("code", row.get("from")), row.get("code", row.get("to"))
            assert any(first <= code <= last for code in codes), f"{table['kind']} {family} {row}"


@pytest.mark.parametrize(
    ("kind", "code", "family", "then", "fix"),
    [
        ("cms", 302, None, "CONFIG", ""),
        ("cms", 313, None, "SIM_HARD", ""),
        ("cms", 30, None, "RCPT_PERM", ""),
        ("cme", 3, None, "CONFIG", ""),
        ("cme", 13, None, "SIM_HARD", ""),
        ("cms", 330, None, None, "smsc"),
        ("cms", 193, None, None, "smsc"),
        ("cms", 208, None, None, "store"),
        ("cms", 198, None, None, "validity"),
        ("cms", 69, None, None, "bearer"),
    ],
)
def test_what_follows_when_it_does_not_pass(
    kind: str, code: int, family: str | None, then: str | None, fix: str
) -> None:
    found = TABLE.classify(kind, code, family)
    assert (found.then, found.fix) == (then, fix)


@pytest.mark.parametrize("kind", ["cms", "cme", "error"])
def test_an_error_without_number_says_nothing(kind: str) -> None:
    found = TABLE.classify(kind, None, "simcom")
    assert (found.cls, found.accepted) == ("AMBIG", "maybe")


def test_a_number_means_something_else_in_the_other_space() -> None:
    assert TABLE.classify("cms", 50).cls != TABLE.classify("cme", 50).cls


def test_a_familys_own_row_wins() -> None:
    assert TABLE.classify("cms", 224).meaning != TABLE.classify("cms", 224, "simcom").meaning


@pytest.mark.parametrize(("alias", "family"), [("sim800", "simcom"), ("cinterion", "siemens"), ("u-blox", "ublox")])
def test_families_have_more_than_one_name(alias: str, family: str) -> None:
    assert TABLE.classify("cms", 514, alias) == TABLE.classify("cms", 514, family)


def test_an_unknown_family_has_the_standards_rows() -> None:
    assert TABLE.classify("cms", 38, "never heard of").cls == "NETWORK"


STATUSES = [
    (0x00, 0x00, "delivered", "received"),
    (0x01, 0x01, "unconfirmed", "forwarded"),
    (0x02, 0x02, "unconfirmed", "replaced"),
    (0x03, 0x0F, "unconfirmed", "reserved"),
    (0x10, 0x1F, "unconfirmed", "sc_specific"),
    (0x20, 0x20, "pending", "congestion"),
    (0x21, 0x21, "pending", "recipient_busy"),
    (0x22, 0x22, "pending", "no_response"),
    (0x23, 0x23, "pending", "rejected"),
    (0x24, 0x24, "pending", "quality_of_service"),
    (0x25, 0x25, "pending", "recipient_error"),
    (0x26, 0x2F, "pending", "reserved"),
    (0x30, 0x3F, "pending", "sc_specific"),
    (0x40, 0x40, "undelivered", "procedure_error"),
    (0x41, 0x41, "undelivered", "incompatible"),
    (0x42, 0x42, "undelivered", "rejected"),
    (0x43, 0x43, "undelivered", "not_obtainable"),
    (0x44, 0x44, "undelivered", "quality_of_service"),
    (0x45, 0x45, "undelivered", "no_interworking"),
    (0x46, 0x46, "undelivered", "validity_expired"),
    (0x47, 0x47, "undelivered", "deleted_by_sender"),
    (0x48, 0x48, "undelivered", "deleted_by_sc"),
    (0x49, 0x49, "undelivered", "not_in_sc"),
    (0x4A, 0x4F, "undelivered", "reserved"),
    (0x50, 0x5F, "undelivered", "sc_specific"),
    (0x60, 0x60, "undelivered", "congestion"),
    (0x61, 0x61, "undelivered", "recipient_busy"),
    (0x62, 0x62, "undelivered", "no_response"),
    (0x63, 0x63, "undelivered", "rejected"),
    (0x64, 0x64, "undelivered", "quality_of_service"),
    (0x65, 0x65, "undelivered", "recipient_error"),
    (0x66, 0x6F, "undelivered", "reserved"),
    (0x70, 0x7F, "undelivered", "sc_specific"),
    (0x80, 0xFF, "undelivered", "rejected"),
]


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [(status, state, reason) for first, last, state, reason in STATUSES for status in range(first, last + 1)],
)
def test_report_status_is_classified(status: int, state: str, reason: str) -> None:
    report = TABLE.tp_status(status)
    assert (report.state, report.reason) == (ReportState(state), reason)


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (("table", 0, "kind"), "cmx", "table[0].kind"),
        (("table", 0, "source"), "", "table[0].source"),
        (("table", 0, "rows", 0, "class"), "BAD", "table[0].rows[0].class"),
        (("table", 0, "rows", 0, "accepted"), "yes", "table[0].rows[0].accepted"),
        (("table", 0, "rows", 0, "meaning"), 3, "table[0].rows[0].meaning"),
        (("table", 0, "rows", 0, "code"), -1, "table[0].rows[0].code"),
        (("table", 0, "rows", 0, "code"), True, "table[0].rows[0].code"),
        (("table", 0, "rows", 0, "colour"), "red", "table[0].rows[0].colour"),
        (("table", 0, "rows", 0, "to"), 9, "table[0].rows[0]"),
        (("table", 0, "rows", 1, "code"), 1, "table[0].rows[1]"),
        (("table", 0, "rows", 0, "then"), "LATER", "table[0].rows[0].then"),
        (("table", 0, "rows", 0, "fix"), "hammer", "table[0].rows[0].fix"),
        (("table", 0, "rows"), {}, "table[0].rows"),
        (("table", 4, "family"), "nobody", "table[4].family"),
        (("status", "rows", 0, "state"), "sent", "status.rows[0].state"),
        (("status", "rows", 3, "to"), 2, "status.rows[3].to"),
        (("status", "rows", 3, "to"), 14, "status.rows"),
        (("colour",), "red", "colour"),
        (("status",), None, "status"),
    ],
)
def test_a_wrong_file_names_key_and_reason(path: tuple[Any, ...], value: object, key: str) -> None:
    data = copy.deepcopy(DATA)
    at: Any = data
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(ConfigError) as caught:
        ErrorTable.from_mapping(data, "errors.toml")
    assert caught.value.key == key
    assert caught.value.file == "errors.toml"
    assert caught.value.what
