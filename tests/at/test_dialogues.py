"""Dialogues of four families: whole, cut anywhere, and with a URC in every gap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modemfarm.at.events import Answered, Command, Event, Info, Late, Noise, Prompt, Unsolicited
from modemfarm.at.machine import AtMachine
from modemfarm.at.urcs import GENERIC_URCS
from modemfarm.errors import CmeError, CmsError

FOLDER = Path(__file__).parent.parent / "dialogues"
NAMES = ["huawei_e", "sim800", "quectel_ec25", "wavecom"]
URCS = GENERIC_URCS.adding(
    ["^RSSI:", "^MODE:", "^BOOT:", "^SMMEMFULL:", "Call Ready", "SMS Ready", "+QUSIM:", "+QIND:", "POWERED DOWN"]
).adding(["+WIND:"])
Cut = Callable[[bytes], Iterator[bytes]]


@dataclass(frozen=True)
class Step:
    verb: str
    rest: str

    @property
    def octets(self) -> bytes:
        return self.rest.encode("latin-1").decode("unicode_escape").encode("latin-1")


def steps(name: str) -> list[Step]:
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return [Step(*(*line.split(" ", 1), "")[:2]) for line in lines if not line.startswith("#")]


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def shown(event: Event) -> str:
    """One event in the words of the dialogue files."""
    match event:
        case Prompt():
            return "prompt"
        case Info(_, line):
            return f"info {line}"
        case Unsolicited(line, pdu):
            return f"urc {line}" + (f" | {pdu}" if pdu else "")
        case Answered(command, lines, error):
            match error:
                case None:
                    result = "ok"
                case CmsError(code=code):
                    result = f"cms {code}"
                case CmeError(code=code):
                    result = f"cme {code}"
                case _:
                    result = error.text
            return " | ".join([f"answered {command.text}", result, *lines])
        case Late() | Noise():
            return repr(event)


def play(name: str, cut: Cut = whole) -> list[str]:
    machine = AtMachine(URCS)
    events: list[str] = []
    for step in steps(name):
        words = step.rest.split(" ")
        match step.verb:
            case "send":
                final = tuple(word.removeprefix("final=") for word in words[1:] if word.startswith("final="))
                info = tuple(word for word in words[1:] if not word.startswith("final="))
                machine.send(Command(words[0], info=info, final_prefixes=final))
            case "submit":
                machine.send(Command(words[0], body=words[1].encode() + b"\x1a"))
            case "body":
                machine.write_body()
            case "recv":
                for chunk in cut(step.octets):
                    events += map(shown, machine.receive(chunk))
    return events


def wanted(name: str) -> list[str]:
    return [step.rest for step in steps(name) if step.verb == "want"]


@pytest.mark.parametrize("name", NAMES)
def test_dialogue_means_what_it_says(name: str) -> None:
    assert play(name) == wanted(name)


@pytest.mark.parametrize("name", NAMES)
def test_one_octet_at_a_time_means_the_same(name: str) -> None:
    assert play(name, lambda data: (data[at : at + 1] for at in range(len(data)))) == wanted(name)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_cut_of_the_bytes_means_the_same(name: str, data: st.DataObject) -> None:
    def anywhere(octets: bytes) -> Iterator[bytes]:
        cuts = data.draw(st.sets(st.integers(1, max(1, len(octets) - 1)), max_size=8))
        edges = [0, *sorted(cuts), len(octets)]
        return (octets[a:b] for a, b in pairwise(edges))

    assert play(name, anywhere) == wanted(name)


URC_LINE = b'\r\n+CMTI: "SM",77\r\n'
URC_SHOWN = 'urc +CMTI: "SM",77'
URC_WITH_PDU = b"\r\n+CDS: 25\r\n00062B0C91947110325476623092100351806230921013748001\r\n"
URC_WITH_PDU_SHOWN = "urc +CDS: 25 | 00062B0C91947110325476623092100351806230921013748001"


@pytest.mark.parametrize(("urc", "as_shown"), [(URC_LINE, URC_SHOWN), (URC_WITH_PDU, URC_WITH_PDU_SHOWN)])
@pytest.mark.parametrize("name", NAMES)
def test_a_urc_in_every_gap_changes_nothing_else(name: str, urc: bytes, as_shown: str) -> None:
    gap = tried = 0
    while True:
        seen = -1
        hit = False

        def with_urc(octets: bytes, gap: int = gap) -> Iterator[bytes]:
            nonlocal seen, hit
            lines = octets.splitlines(keepends=True)
            for at in range(len(lines) + 1):
                seen += 1
                if seen == gap and not (at and lines[at - 1].startswith(b"+CDS:") and urc is URC_WITH_PDU):
                    hit = True
                    yield urc  # but no second header between a header and its PDU
                if at < len(lines):
                    yield lines[at]

        events = play(name, with_urc)
        if gap > seen:
            break
        if hit:
            tried += 1
            assert as_shown in events, f"gap {gap}: the URC is lost"
            events.remove(as_shown)
        assert events == wanted(name), f"gap {gap}"
        gap += 1
    assert tried > 20


@pytest.mark.parametrize("name", NAMES)
@given(noise=st.binary(min_size=1, max_size=12), at=st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_noise_costs_at_most_the_reply_it_hit(name: str, noise: bytes, at: int) -> None:
    answers = [step for step in steps(name) if step.verb == "recv"]
    hit = at % len(answers)
    number = -1

    def spoiled(octets: bytes) -> Iterator[bytes]:
        nonlocal number
        number += 1
        where = at % (len(octets) + 1)
        yield octets[:where] + noise + octets[where:] if number == hit else octets

    machine_play(name, spoiled, hit)


def machine_play(name: str, cut: Cut, hit: int) -> None:
    """Play with a shell that gives up on the reply that was hit; every other reply must come as wanted."""
    machine = AtMachine(URCS)
    number = -1
    expected: list[list[str]] = []
    got: list[list[str]] = []
    submitting = False
    for step in steps(name):
        words = step.rest.split(" ")
        match step.verb:
            case "send" | "submit":
                if machine.in_flight is not None:
                    machine.give_up()
                machine.forget()
                final = tuple(word.removeprefix("final=") for word in words[1:] if word.startswith("final="))
                info = tuple(word for word in words[1:] if not word.startswith("final="))
                submitting = step.verb == "submit"
                if submitting:
                    machine.send(Command(words[0], body=words[1].encode() + b"\x1a"))
                else:
                    machine.send(Command(words[0], info=info, final_prefixes=final))
            case "body":
                try:
                    machine.write_body()
                except RuntimeError:
                    assert number == hit  # only a spoiled prompt may fail to come
            case "recv":
                number += 1
                got.append([])
                expected.append([])
                machine.end_header()
                for chunk in cut(step.octets):
                    got[-1] += map(shown, machine.receive(chunk))
                machine.receive(b"\r\n")
            case "want":
                expected[-1].append(step.rest)
    for at, (seen, wants) in enumerate(zip(got, expected, strict=True)):
        if at not in (hit, hit + 1):  # a spoiled prompt takes its result along
            assert seen == wants
