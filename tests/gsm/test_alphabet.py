"""The tables cell by cell where sources disagree, and septets in octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.gsm.alphabet import decode7, encode7, pack, unpack
from modemfarm.gsm.tables import ESCAPE, LANGUAGES, LOCKING, SINGLE

SEPTETS = st.binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets))
INDIC = range(4, 14)


@pytest.mark.parametrize(
    ("table", "language", "code", "char"),
    [
        *(pytest.param(LOCKING, language, 0x2C, ",", id=f"locking-{language}-comma") for language in INDIC),
        pytest.param(LOCKING, 0, 0x09, "\u00c7", id="default-capital-c-cedilla"),
        pytest.param(LOCKING, 0, 0x5F, "§", id="default-section-sign"),
        pytest.param(LOCKING, 0, 0x60, "¿", id="default-inverted-question-mark"),
        pytest.param(LOCKING, 0, 0x0A, "\n", id="default-line-feed"),
        pytest.param(LOCKING, 0, 0x0D, "\r", id="default-carriage-return"),
        pytest.param(LOCKING, 1, 0x1F, "\u00c9", id="turkish-locking-1f"),
        pytest.param(LOCKING, 9, 0x47, "\u0b33", id="oriya-locking-47"),
        pytest.param(SINGLE, 10, 0x23, "\u0a6d", id="punjabi-single-23"),
        pytest.param(SINGLE, 11, 0x24, "\u0bee", id="tamil-single-24"),
        pytest.param(SINGLE, 12, 0x22, "\u0c6c", id="telugu-single-22"),
        pytest.param(SINGLE, 12, 0x23, "\u0c6d", id="telugu-single-23"),
    ],
)
def test_cell_that_codecs_get_wrong_is_right(
    table: dict[int, dict[int, str]], language: int, code: int, char: str
) -> None:
    assert table[language][code] == char


def test_tables_have_as_many_cells_as_the_standard_gives_them() -> None:
    assert {language: len(cells) for language, cells in LOCKING.items()} == {
        0: 127, 1: 127, 3: 127, 4: 114, 5: 120, 6: 127, 7: 120, 8: 120, 9: 116, 10: 110, 11: 102, 12: 120, 13: 127,
    }  # fmt: skip
    assert {language: len(cells) for language, cells in SINGLE.items()} == {
        0: 10, 1: 17, 2: 19, 3: 37, 4: 82, 5: 70, 6: 88, 7: 73, 8: 82, 9: 75, 10: 76, 11: 77, 12: 77, 13: 90,
    }  # fmt: skip


@pytest.mark.parametrize("language", [4, 5, 6, 8, 9, 10, 11, 12])
def test_letters_of_an_indic_locking_table_stand_in_the_order_of_their_script(language: int) -> None:
    letters = [char for code, char in sorted(LOCKING[language].items()) if ord(char) > 0x7F]
    assert letters == sorted(letters)
    assert len({ord(letter) & ~0x7F for letter in letters}) == 1, LANGUAGES[language]


def test_no_table_uses_the_escape_cell() -> None:
    assert not [cells for cells in (*LOCKING.values(), *SINGLE.values()) if ESCAPE in cells]


@pytest.mark.parametrize("language", sorted(LOCKING))
def test_every_character_of_a_locking_table_takes_one_septet_and_reads_back(language: int) -> None:
    for code, char in LOCKING[language].items():
        assert decode7(bytes([code]), locking=language) == char
        septets = encode7(char, locking=language)
        assert septets is not None
        assert len(septets) == 1
        assert decode7(septets, locking=language) == char


@pytest.mark.parametrize("language", sorted(SINGLE))
def test_every_character_of_a_single_shift_table_reads_back(language: int) -> None:
    for code, char in SINGLE[language].items():
        assert decode7(bytes([ESCAPE, code]), single=language) == char
        septets = encode7(char, single=language)
        assert septets is not None
        assert decode7(septets, single=language) == char


def test_kannada_pa_is_written_in_the_cell_that_is_its_own() -> None:
    assert encode7("\u0caa", locking=7) == b"\x3d"
    assert decode7(b"\x24", locking=7) == "\u0caa"


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        pytest.param(b"a\x1b\x1bb", "a b", id="escape-escape-is-a-space"),
        pytest.param(b"a\x1b", "a ", id="escape-at-the-end-is-a-space"),
        pytest.param(b"a\x1bbc", "abc", id="escape-before-an-empty-cell-is-dropped"),
        pytest.param(b"\x1b\x0d", "\r", id="carriage-return-in-the-extension-is-one"),
        pytest.param(b"\x1b\x0a", "\f", id="page-break"),
        pytest.param(b"\x1b\x65\x1b\x1b\x65", "€ e", id="escapes-pair-from-the-left"),
    ],
)
def test_escape_without_a_character_behind_it_has_a_text(septets: bytes, text: str) -> None:
    assert decode7(septets) == text


def test_reserved_cell_shows_as_replacement_character() -> None:
    assert decode7(b"\x0c", locking=4) == "\ufffd"
    assert encode7("\ufffd", locking=4) is None


@pytest.mark.parametrize("text", ["ç", "`", "ы", "\x00", "\x1b", "😀", "\ud800", "a\u0301"])
def test_character_that_no_cell_has_is_not_encoded(text: str) -> None:
    assert encode7(text) is None


@pytest.mark.parametrize("language", [2, 99, 255])
def test_language_without_a_locking_table_means_the_default_alphabet(language: int) -> None:
    assert decode7(b"\x00A", locking=language) == "@A"
    assert encode7("@A", locking=language) == b"\x00A"


@given(septets=SEPTETS, locking=st.integers(0, 14), single=st.integers(0, 14))
def test_any_septets_have_a_text_and_what_can_be_written_again_reads_the_same(
    septets: bytes, locking: int, single: int
) -> None:
    text = decode7(septets, locking, single)
    again = encode7(text, locking, single)
    if again is not None:
        assert decode7(again, locking, single) == text


@given(septets=SEPTETS, fill=st.integers(0, 6))
def test_septets_survive_packing(septets: bytes, fill: int) -> None:
    octets = pack(septets, fill)
    assert len(octets) == (7 * len(septets) + fill + 7) // 8
    assert unpack(octets, len(septets), fill) == septets


@given(septets=SEPTETS, fill=st.integers(0, 6))
def test_packing_lays_bit_n_of_the_stream_where_the_standard_puts_it(septets: bytes, fill: int) -> None:
    stream = [0] * fill + [septet >> bit & 1 for septet in septets for bit in range(7)]
    stream += [0] * (-len(stream) % 8)
    octets = bytes(sum(stream[at + bit] << bit for bit in range(8)) for at in range(0, len(stream), 8))
    assert pack(septets, fill) == octets
