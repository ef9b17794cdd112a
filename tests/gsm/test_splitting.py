"""Splitting: what fits, what is never cut, and what the counter says."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modemfarm.errors import BadFieldError, TextTooLongError
from modemfarm.gsm.clusters import may_cut
from modemfarm.gsm.splitting import measure, split
from modemfarm.gsm.userdata import UserData, join
from modemfarm.model import Encoding

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
TEXTS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("ab€[]{}\r\n ж你😀\u0301\ufe0f\u200d👩🏽🇷🇺🇨🇳\u1100\u1161\u11a8각नम\u094dस\u0e33"),
    ),
    max_size=500,
)


@pytest.mark.parametrize(
    ("text", "encoding", "parts", "units", "room", "per_part"),
    [
        pytest.param("", Encoding.GSM7, 1, 0, 160, 160, id="empty"),
        pytest.param("a" * 160, Encoding.GSM7, 1, 160, 0, 160, id="160-fit-one"),
        pytest.param("a" * 161, Encoding.GSM7, 2, 161, 145, 153, id="161-need-two"),
        pytest.param("a" * 306, Encoding.GSM7, 2, 306, 0, 153, id="306-fit-two"),
        pytest.param("a" * 307, Encoding.GSM7, 3, 307, 152, 153, id="307-need-three"),
        pytest.param("€" * 80, Encoding.GSM7, 1, 160, 0, 160, id="80-euros-fit-one"),
        pytest.param("€" * 81, Encoding.GSM7, 2, 162, 143, 153, id="81-euros-need-two"),
        pytest.param("ж" * 70, Encoding.UCS2, 1, 70, 0, 70, id="70-wide-fit-one"),
        pytest.param("ж" * 71, Encoding.UCS2, 2, 71, 63, 67, id="71-wide-need-two"),
        pytest.param("😀" * 35, Encoding.UCS2, 1, 70, 0, 70, id="35-emoji-fit-one"),
        pytest.param("😀" * 36, Encoding.UCS2, 2, 72, 61, 67, id="36-emoji-need-two"),
        pytest.param("ç", Encoding.UCS2, 1, 1, 69, 70, id="small-c-cedilla-is-not-in-the-alphabet"),
    ],
)
def test_counter_says_what_will_be_sent(
    text: str, encoding: Encoding, parts: int, units: int, room: int, per_part: int
) -> None:
    layout = measure(text)
    assert (layout.encoding, layout.parts, layout.units) == (encoding, parts, units)
    assert (layout.room, layout.per_part) == (room, per_part)
    assert len(split(text, 7)) == parts


@pytest.mark.parametrize("ref_bits", [8, 16])
@given(text=TEXTS)
@example(text="\ud83d")
@example(text="a\udc00" * 80)
@example(text="\ud83d\ude00" * 70)
def test_parts_join_to_the_text_and_fit(text: str, ref_bits: int) -> None:
    sound = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    parts = split(text, 200, ref_bits=ref_bits)
    assert "".join(part.text for part in parts) == sound
    assert join(parts) == sound
    layout = measure(text, ref_bits=ref_bits)
    assert layout.parts == len(parts)
    assert layout.encoding is parts[0].encoding
    for number, part in enumerate(parts, 1):
        check_fits(part)
        assert bool(part.concat) == (len(parts) > 1)
        if part.concat:
            assert (part.concat.ref, part.concat.total, part.concat.number) == (200, len(parts), number)
    at = 0
    for part in parts[:-1]:
        at += len(part.text)
        assert may_cut(sound, at) or not any(may_cut(sound, near) for near in range(at - len(part.text) + 1, at))


def check_fits(part: UserData) -> None:
    assert len(part.octets) <= 140
    if part.encoding is Encoding.GSM7:
        assert part.udl <= 160
        assert len(part.octets) == (7 * part.udl + 7) // 8
    else:
        assert part.udl == len(part.octets)
    part.text.encode("utf-8")


@given(text=st.text(st.sampled_from("a€[ŞşğİıéçàñÁ नमस्ते१২"), max_size=400), language=st.integers(0, 13))
def test_parts_with_national_tables_join_and_are_never_more(text: str, language: int) -> None:
    parts = split(text, 1, locking=language, single=language)
    assert "".join(part.text for part in parts) == text == join(parts)
    assert len(parts) <= len(split(text, 1))
    for part in parts:
        check_fits(part)


@pytest.mark.parametrize(
    "cluster",
    [
        pytest.param("e\u0301", id="combining-mark"),
        pytest.param("❤\ufe0f", id="variation-selector"),
        pytest.param("👍🏽", id="skin-tone"),
        pytest.param(FAMILY, id="joined-emoji"),
        pytest.param("🇷🇺", id="flag"),
        pytest.param("\u1100\u1161\u11a8", id="hangul-letters"),
        pytest.param("가\u11a8", id="hangul-syllable-and-end"),
        pytest.param("क\u094dष", id="indic-conjunct"),
        pytest.param("ก\u0e33", id="thai-am"),
        pytest.param("1\ufe0f\u20e3", id="keycap"),
        pytest.param("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", id="tagged-flag"),
        pytest.param("\r\n", id="line-end"),
    ],
)
def test_visible_character_stays_whole_at_every_place_of_the_edge(cluster: str) -> None:
    for before in range(40, 70):
        text = "ж" * before + cluster * 8
        parts = split(text, 1)
        assert len(parts) > 1 or len(text.encode("utf-16-be")) <= 140
        for part in parts:
            assert part.text.strip("ж").count(cluster) * len(cluster) == len(part.text.strip("ж"))


def test_two_flags_are_cut_between_them_and_not_inside() -> None:
    parts = split("ж" * 65 + "🇷🇺🇨🇳", 1)
    assert [part.text for part in parts] == ["ж" * 65, "🇷🇺🇨🇳"]
    parts = split("ж" * 63 + "🇷🇺🇨🇳", 1)
    assert [part.text for part in parts] == ["ж" * 63 + "🇷🇺", "🇨🇳"]


def test_sequence_longer_than_a_part_is_cut_between_characters() -> None:
    text = "e" + "\u0301" * 200
    parts = split(text, 1)
    assert "".join(part.text for part in parts) == text
    assert len(parts) == 3
    assert all(unicodedata.category(char) for char in text)


def test_escape_moves_to_the_next_part_with_its_character() -> None:
    parts = split("a" * 152 + "€" + "b" * 10, 1)
    assert [part.text for part in parts] == ["a" * 152, "€" + "b" * 10]


def test_255_parts_are_the_most() -> None:
    assert len(split("a" * 153 * 255, 1)) == 255
    with pytest.raises(TextTooLongError) as caught:
        split("a" * (153 * 255 + 1), 1)
    assert (caught.value.parts, caught.value.most) == (256, 255)
    with pytest.raises(TextTooLongError):
        measure("ж" * 100_000)


def test_text_that_fits_only_with_torn_sequences_is_still_taken() -> None:
    text = ("e" + "\u0301" * 39) * 426  # 40 units each: whole, one a part; torn, 255 parts
    assert measure(text).parts == 255


def test_long_line_of_flags_is_split_in_reasonable_time() -> None:
    assert measure("🇷" * 8000).parts == 250


def test_gsm7_is_refused_by_name_where_it_cannot_carry_the_text() -> None:
    with pytest.raises(BadFieldError) as caught:
        split("ж", 1, encoding=Encoding.GSM7)
    assert (caught.value.field, caught.value.code) == ("text", "not_gsm7")


def test_ucs2_can_be_forced() -> None:
    (part,) = split("plain", 1, encoding=Encoding.UCS2)
    assert part.octets == "plain".encode("utf-16-be")


def test_reference_that_its_width_cannot_hold_is_an_error() -> None:
    with pytest.raises(ValueError):
        split("a" * 200, 256)


@pytest.mark.parametrize(
    ("text", "locking", "single"),
    [
        pytest.param("plain", 0, 0, id="none-needed"),
        pytest.param("Şişli", 0, 1, id="single-suffices"),
        pytest.param("ş" * 100, 1, 0, id="locking-saves-a-part"),
    ],
)
def test_plainest_tables_of_the_fewest_parts_are_taken(text: str, locking: int, single: int) -> None:
    (part,) = split(text, 1, locking=1, single=1)
    assert (part.locking, part.single) == (locking, single)


def test_surrogates_and_escapes_that_a_sender_cut_are_joined_again() -> None:
    whole = "a😀b".encode("utf-16-be")
    halves = [UserData(Encoding.UCS2, "", octets, len(octets)) for octets in (whole[:4], whole[4:])]
    assert join(halves) == "a😀b"
    (first,), (second,) = split("a", 1), split("e", 1)
    cut = UserData(Encoding.GSM7, "a ", b"\xe1\x0d", 2)
    assert join([cut, second]) == "a€"
    assert join([first, cut]) == "aa "
