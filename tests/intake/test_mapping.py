from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.errors import BadFieldError
from modemfarm.intake.mapping import ColumnMap, parse_map, quoted
from modemfarm.intake.rows import Row, read_first, read_rows


def rows(text: str, *said: str, **how: object) -> list[Row]:
    return list(read_rows(text.encode(), columns=parse_map(said), **how))  # type: ignore[arg-type]


def pairs(found: list[Row]) -> list[tuple[str, str]]:
    return [(row.draft.to, row.draft.text) for row in found if row.draft is not None]


def errors(found: list[Row]) -> list[tuple[str, str]]:
    return [(row.error.column, row.error.code) for row in found if row.error is not None]


@pytest.mark.parametrize(
    "said",
    [
        ("to=客户电话,text=内 容",),
        (" to = 客户电话 , text=内 容 ",),
        ("text=内 容", "to=客户电话"),
        ('phone=客户电话,Message="内 容"',),
        ("手机号=客户电话,текст=内 容,",),
    ],
)
def test_a_map_is_read_as_people_write_it(said: tuple[str, ...]) -> None:
    found = parse_map(said)
    assert found == ColumnMap({"to": "客户电话", "text": "内 容"})
    assert found is not None
    assert found.canonical == 'text="内 容",to="客户电话"'


def test_nothing_said_is_no_map_and_places_count_from_one() -> None:
    assert parse_map(()) is None
    assert parse_map(["to=#3, text=#1"]) == ColumnMap(placed={"to": 2, "text": 0})
    assert parse_map(['to="#3"']) == ColumnMap({"to": "#3"})


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("", "bad_map"),
        ("to", "bad_map"),
        ("to=", "bad_map"),
        ("to=a,,text=b", "bad_map"),
        ('to="a', "bad_map"),
        ('to="a"b', "bad_map"),
        ("=a", "unknown_field"),
        ("colour=a", "unknown_field"),
        ("metadata=a", "unknown_field"),
        ("to=a,phone=b", "two_columns"),
        ("to=a,text=#2", "names_and_places"),
    ],
)
def test_what_is_no_map_is_refused(said: str, code: str) -> None:
    with pytest.raises(BadFieldError) as caught:
        parse_map([said])
    assert (caught.value.field, caught.value.code) == ("map", code)


@given(st.dictionaries(st.sampled_from(["to", "text", "name"]), st.text().filter(lambda name: name == name.strip())))
def test_any_name_of_a_column_can_be_said(columns: dict[str, str]) -> None:
    found = parse_map([f"{field}={quoted(column)}" for field, column in columns.items()])
    assert found == (ColumnMap(columns) if columns else None)
    if found is not None:
        assert parse_map([found.canonical]) == found


def test_what_the_map_names_wins_over_what_columns_are_called() -> None:
    text = "to,手机号,text,说明\n1,2,a,b\n"
    with pytest.raises(BadFieldError, match="both mean to"):
        rows(text)
    assert pairs(rows(text, "to=手机号")) == [("2", "a")]
    assert pairs(rows(text, "to=手机号,text=说明")) == [("2", "b")]
    assert pairs(rows("phone,说明\n1,b\n", "text=phone,to=说明")) == [("b", "1")]
    (row,) = rows("phone,ref\n1,7\n", "to=phone,reference=phone", defaults={"text": "x"})
    assert row.draft is not None
    assert (row.draft.to, row.draft.reference) == ("1", "1")


def test_a_template_knows_a_mapped_column_by_both_names() -> None:
    text = "客户电话,昵称,name\n1,Nan,Nancy\n"
    template = "{name} {昵称} {客户电话} {to}"
    assert pairs(rows(text, "to=客户电话,name=昵称", template=template)) == [("1", "Nan Nan 1 1")]


def test_columns_are_found_as_written_else_as_names_are_compared() -> None:
    assert pairs(rows("Client Phone,Text\n1,a\n", "to=client_phone")) == [("1", "a")]
    assert pairs(rows("Client Phone,client_phone,Text\n1,2,a\n", "to=client_phone")) == [("2", "a")]
    with pytest.raises(BadFieldError, match="2 columns are called a"):
        rows("a,a,text\n1,2,x\n", "to=a")
    with pytest.raises(BadFieldError, match="no column is called b; the first line has: a, text") as caught:
        rows("a,text\n1,x\n", "to=b")
    assert caught.value.params == {"column": "b", "columns": "a, text"}


def test_by_places_the_first_line_is_a_message_and_a_header_is_a_rejected_one() -> None:
    found = rows("13800138000,hello\n\n13800138001,bye\n", "to=#1,text=#2")
    assert pairs(found) == [("13800138000", "hello"), ("13800138001", "bye")]
    assert [row.number for row in found] == [1, 2]
    assert found[0].cells == {"#1": "13800138000", "#2": "hello"}
    with pytest.raises(BadFieldError, match="there is no column #3"):
        rows("1,a\n", "to=#3")
    with pytest.raises(BadFieldError, match="no template"):
        rows("1,a\n", "to=#1")
    assert errors(rows("1,a,b\n1,\n", "to=#1,text=#2")) == [("#2", "missing_text")]


def test_a_map_names_members_of_objects() -> None:
    text = '{"mobile": "1", "to": "x", "say": "a"}\n{"to": "2", "say": "b"}\n'
    found = rows(text, "to=mobile,text=say")
    assert pairs(found) == [("1", "a")]
    assert errors(found) == [("mobile", "missing_to")]
    assert pairs(rows(text, "to=mobile,name=say", template="{name}")) == [("1", "a")]
    with pytest.raises(BadFieldError, match="no places"):
        rows(text, "to=#1")


def test_the_first_line_is_told_whatever_it_holds() -> None:
    assert read_first("\n客户电话;x\n1;2\n".encode("gb18030"), "gb18030") == ["客户电话", "x"]
    assert read_first(b'{"mobile": 1, "say": "a"}') == ["mobile", "say"]
    assert read_first(b"") == []
