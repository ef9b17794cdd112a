from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.errors import BadFieldError
from modemfarm.intake.columns import Template
from modemfarm.intake.encodings import guess
from modemfarm.intake.rows import Row, read_rows


def rows(text: str | bytes, **how: object) -> list[Row]:
    return list(read_rows(text.encode() if isinstance(text, str) else text, **how))  # type: ignore[arg-type]


def pairs(found: list[Row]) -> list[tuple[str, str]]:
    return [(row.draft.to, row.draft.text) for row in found if row.draft is not None]


CHINESE = "手机号,姓名,内容\r\n13800138000,小王,您的订单已发货\r\n13900139000,小李,您好\r\n"
RUSSIAN = "телефон;текст\r\n+79161234567;Ваш заказ готов\r\n89161234567;ПРИВЕТ\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "utf-32"])
def test_a_chinese_file_is_read_in_whatever_encoding_it_was_saved(encoding: str) -> None:
    assert pairs(rows(CHINESE.encode(encoding))) == [("13800138000", "您的订单已发货"), ("13900139000", "您好")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251"])
def test_a_russian_file_is_read_in_whatever_encoding_it_was_saved(encoding: str) -> None:
    assert pairs(rows(RUSSIAN.encode(encoding))) == [("+79161234567", "Ваш заказ готов"), ("89161234567", "ПРИВЕТ")]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        pytest.param("to,text\n1,您好，您的快递到了，请到前台领取\n", "gb18030", id="chinese-under-english-names"),
        pytest.param("to,text\n1,手机\n", "gb18030", id="two-hanzi"),
        pytest.param("to,text\n1,здравствуйте, ваш заказ готов\n", "cp1251", id="russian-under-english-names"),
        pytest.param("to,text\n1,ёлка да\n", "cp1251", id="short-russian"),
        pytest.param("to,text\n1,plain\n", "utf-8", id="ascii"),
    ],
)
def test_an_encoding_is_told_by_what_the_octets_can_be(text: str, encoding: str) -> None:
    assert guess(text.encode(encoding), ()) == encoding


def test_a_named_encoding_wins_and_a_wrong_one_names_the_line() -> None:
    octets = "to,text\n1,Привет\n".encode("koi8-r")
    assert pairs(rows(octets, encoding="koi8-r")) == [("1", "Привет")]
    with pytest.raises(BadFieldError, match="line 2"):
        rows(octets, encoding="utf-8")
    with pytest.raises(BadFieldError, match="not an encoding"):
        rows(octets, encoding="klingon")


@pytest.mark.parametrize(
    "text",
    [
        "to,text\n1,a\n",
        "to;text\r\n1;a\r\n",
        "to\ttext\n1\ta\n",
        "sep=;\nto;text\n1;a\n",
        '"to","text"\n"1","a"\n',
        "\n\nto,text\n\n1,a\n\n",
        "Phone Number,Message\n1,a\n",
        "phone_number,MSG\n1,a",
        "номер телефона,сообщение\n1,a\n",
        "電話,簡訊\n1,a\n",
    ],
)
def test_separators_headers_and_blank_lines_do_not_matter(text: str) -> None:
    assert pairs(rows(text)) == [("1", "a")]


def test_every_column_becomes_its_field() -> None:
    text = (
        "to,text,class,purpose,from,send_at,valid_until,valid_for,priority,reference,tags,flash,report,"
        "resend_unknown,fixed_line\n"
        '+8613800138000," two\nlines",marketing,offers,front,2026-03-01T09:30:00+08:00,2026-03-02 09:30,48h,7,o-1,"a, b",'
        "yes,нет,是,0\n"
    )
    (row,) = rows(text, zone=ZoneInfo("Asia/Shanghai"))
    draft = row.draft
    assert draft is not None
    assert draft.text == " two\nlines"
    assert (draft.message_class, draft.purpose, draft.pinned) == ("marketing", "offers", "front")
    assert draft.send_at == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    assert draft.valid_until == datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    assert draft.valid_for == timedelta(hours=48)
    assert (draft.priority, draft.reference, draft.tags) == (7, "o-1", ("a", "b"))
    assert (draft.flash, draft.report, draft.resend_unknown, draft.fixed_line) == (True, False, True, False)


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        (",a", "Phone", "missing_to"),
        ("1,", "text", "missing_text"),
        ("1", "text", "missing_text"),
        ("1,a,soon", "send_at", "bad_send_at"),
        ("1,a,2026-03-01 09:30", "send_at", "bad_send_at"),
        ("1,a,,high", "priority", "bad_priority"),
        ("1,a,,,maybe", "flash", "bad_flash"),
        ("1,a,,,,b", "", "too_many_cells"),
    ],
)
def test_a_bad_row_says_its_column_and_the_others_go_on(line: str, column: str, code: str) -> None:
    bad, good = rows(f"Phone,text,send_at,priority,flash\n{line}\n2,b\n")
    assert bad.error is not None
    assert (bad.error.row, bad.error.column, bad.error.code) == (1, column, code)
    assert good.number == 2
    assert good.draft is not None


def test_a_file_without_a_column_for_numbers_is_refused_as_a_whole() -> None:
    with pytest.raises(BadFieldError, match="the first line has: 13800138000, hello"):
        rows("13800138000,hello\n")
    with pytest.raises(BadFieldError, match="no template"):
        rows("to,name\n1,a\n")
    with pytest.raises(BadFieldError, match="both mean to"):
        rows("to,phone,text\n1,2,a\n")


def test_a_template_is_filled_from_the_columns_under_any_of_their_names() -> None:
    found = rows("手机号,姓名,Order No\n1,小王,77\n2,,78\n3,小李,\n", template="您好{name}, {{{order no}}}")
    assert pairs(found) == [("1", "您好小王, {77}")]
    errors = [(row.error.row, row.error.column, row.error.code) for row in found if row.error]
    assert errors == [(2, "name", "missing_value"), (3, "order no", "missing_value")]


@pytest.mark.parametrize("source", ["{", "}", "a{}b", "{a", "a}", "{ }"])
def test_a_broken_template_is_refused_before_the_first_row(source: str) -> None:
    with pytest.raises(BadFieldError, match="template"):
        rows("to\n1\n", template=source)


def test_a_template_runs_no_code() -> None:
    (row,) = rows("to,a\n1,b\n", template="{a.__class__}")
    assert row.error is not None


@given(st.text())
def test_a_text_with_doubled_braces_comes_back_as_it_was(text: str) -> None:
    assert Template(text.replace("{", "{{").replace("}", "}}")).fill({}) == text


def test_lines_of_json_take_what_the_api_takes() -> None:
    lines = [
        {"to": "+8613800138000", "text": "a", "priority": 3, "metadata": {"k": 1}, "tags": ["x"], "flash": True},
        {"to": 13800138000, "text": "a"},
        {"to": 1.38e10, "text": "a"},
        {"手机号": "2", "内容": "b"},
    ]
    found = rows("\n".join(json.dumps(line) for line in lines) + "\n{not json\n[]\n")
    assert pairs(found) == [("+8613800138000", "a"), ("2", "b")]
    draft = found[0].draft
    assert draft is not None
    assert (draft.priority, draft.metadata, draft.tags, draft.flash) == (3, {"k": 1}, ("x",), True)
    assert [row.error.code for row in found if row.error] == ["bad_to", "bad_to", "bad_json", "bad_json"]


def test_a_template_of_json_rows_is_filled_from_vars_and_other_keys() -> None:
    found = rows('{"to": "1", "vars": {"name": "Ann"}, "n": 5}\n', template="{name} {n}")
    assert pairs(found) == [("1", "Ann 5")]


def test_defaults_fill_what_a_row_leaves_out() -> None:
    found = rows(io.BytesIO(b"to,class\n1,\n2,marketing\n"), defaults={"text": "t", "message_class": "emergency"})  # type: ignore[arg-type]
    assert [(row.draft.text, row.draft.message_class) for row in found if row.draft] == [
        ("t", "emergency"),
        ("t", "marketing"),
    ]


def test_cells_reach_the_draft_unguessed() -> None:
    found = rows("to,text\n13800138000.0,a\n1.38E+10,a\n138 0013 8000/139,a\n")
    assert [to for to, _ in pairs(found)] == ["13800138000.0", "1.38E+10", "138 0013 8000/139"]


@given(st.binary(max_size=300))
def test_any_octets_are_rows_or_one_error(octets: bytes) -> None:
    try:
        found = rows(b"to,text\n" + octets)
    except BadFieldError:
        return
    assert all((row.draft is None) != (row.error is None) for row in found)


def test_a_quote_that_never_ends_sends_nothing_to_anybody() -> None:
    found = rows('to,text\n13800138701,"hi Anna\n13800138702,hello\n13800138703,hello\n')
    assert pairs(found) == []
    faults = [row.error for row in found if row.error is not None]
    assert [(fault.row, fault.column, fault.code) for fault in faults] == [
        (1, "text", "bad_csv"),
        (2, "", "bad_csv"),
        (3, "", "bad_csv"),
    ]
    assert "quote missing" in faults[0].detail
    assert "row 1" in faults[1].detail
    assert found[1].cells == {"to": "13800138702", "text": "hello"}


def test_a_quote_that_another_row_closes_costs_these_rows_only() -> None:
    found = rows('to,text\n1,"hi Anna\n2,"hello"\n3,"a ""b""\nc"\n')
    assert pairs(found) == [("3", 'a "b"\nc')]
    assert [row.number for row in found] == [1, 2, 3]


def test_a_cell_that_holds_whole_rows_is_not_sent() -> None:
    found = rows('to,text\n13800138701,"hi Anna\n13800138702,hello"\n13800138703,"line one\nline, two"\n')
    assert pairs(found) == [("13800138703", "line one\nline, two")]
    assert [row.error.column for row in found if row.error is not None] == ["text", ""]


def test_a_member_that_stands_twice_is_a_fault_of_its_row() -> None:
    found = rows('{"to": "1", "to": "2", "text": "x"}\n{"to": "3", "text": "y"}\n', format="ndjson")
    assert pairs(found) == [("3", "y")]
    assert found[0].error is not None
    assert (found[0].error.row, found[0].error.column, found[0].error.code) == (1, "to", "two_columns")


def test_a_fault_of_half_a_surrogate_pair_can_be_written_down() -> None:
    (row,) = rows('{"to": ["\\ud83d"], "text": "x"}\n', format="ndjson")
    assert row.error is not None
    assert "\\ud83d" in row.error.detail
    row.error.detail.encode()


@pytest.mark.parametrize("text", [" ", "\u3000", "\\n\\t"])
def test_blanks_are_no_text(text: str) -> None:
    (row,) = rows(f'{{"to": "1", "text": "{text}"}}', format="ndjson")
    assert row.error is not None
    assert (row.error.column, row.error.code) == ("text", "missing_text")
