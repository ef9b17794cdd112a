"""The judge of "never lost, never doubled": reads the simulator's log and nothing of ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Text = tuple[str, str]  # recipient, text
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the network saw of the texts that were wanted.

    Attributes:
        whole: how often each text arrived in full.
        lost: wanted and not arrived in full.
        doubled: arrived more often than wanted; also a part that came twice while its text was open.
        open: recipients of texts of which some parts came and others did not.
    """

    whole: Counter[Text]
    lost: Counter[Text]
    doubled: Counter[Text]
    open: Counter[str] = field(default_factory=Counter)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of an smsc.jsonl; a last line that is still being written is left out."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text("utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


class Tail:
    """An smsc.jsonl read on from where the last look ended."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def new(self, event: str) -> list[dict[str, Any]]:
        """The whole lines of one event that were not seen yet."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._at += len(whole) + len(newline)
        mark = f'"event": "{event}"'.encode()
        return [json.loads(line) for line in whole.splitlines() if mark in line]


def judge(lines: Iterable[Line], wanted: Iterable[Text]) -> Verdict:
    """Join the submissions that the network took and compare them with what was wanted."""
    whole: Counter[Text] = Counter()
    doubled: Counter[Text] = Counter()
    joining: dict[tuple[str, str, int, int], dict[int, str]] = {}
    for line in lines:
        if line["event"] != "submit":
            continue
        concat = line["concat"]
        if concat is None:
            whole[line["to"], line["text"]] += 1
            continue
        key = (line["to"], line["iccid"], concat["ref"], concat["total"])
        parts = joining.setdefault(key, {})
        if concat["number"] in parts:
            doubled[line["to"], line["text"]] += 1
        parts[concat["number"]] = line["text"]
        if len(parts) == concat["total"]:
            whole[line["to"], "".join(parts[number] for number in sorted(parts))] += 1
            del joining[key]
    asked = Counter(wanted)
    return Verdict(whole, asked - whole, doubled + (whole - asked), Counter(key[0] for key in joining))


def most_within(moments: Iterable[float], seconds: float) -> int:
    """The largest number of moments in any window of so many seconds."""
    ordered = sorted(moments)
    most = first = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
