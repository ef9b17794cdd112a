"""The taker's turns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from modemfarm.errors import StoreError
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.spool import folders as spool_folders
from modemfarm.spool import taking, telling
from modemfarm.spool.desk import Desk, EventHandler
from modemfarm.spool.folders import Folders, Seen, Watch
from modemfarm.spool.headers import BadFileError
from modemfarm.store.engine import Store, Tx
from modemfarm.store.migrations import upgrade
from modemfarm.store.offload import Offload

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def test_many_files_leave_the_other_half_of_the_spool_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [Seen(f"f{number:04d}", 1, number, number, 20, 0o100600, 1) for number in range(1000)]
    taken: list[Seen] = []
    monkeypatch.setattr(Watch, "settled", lambda *_: files)
    monkeypatch.setattr(taking.Taker, "_take", lambda _self, _folders, some: taken.extend(some))
    taker = taking.Taker(cast(Desk, None), IntakeSettings(), cast(Any, None), lambda: False)
    taker.turn(Folders(tmp_path))
    assert taken == files[: taking.A_TURN]


class Spool:
    """A spool directory over a database, whose files are settled as soon as they are seen."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store("sqlite:///farm.db", root)
        upgrade(self.store, NOW)
        self.offload = Offload(self.store)
        self.offload.start()
        handler = EventHandler("", root)
        desk = Desk(self.store, self.offload, "host", ZoneInfo("UTC"), lambda: NOW, handler)
        self.taker = taking.Taker(desk, IntakeSettings(), lambda: None, lambda: False)
        with Folders(root):
            pass

    def put(self, name: str, content: str, at: int) -> None:
        path = self.root / "outgoing" / name
        path.write_text(content, "utf-8")
        os.utime(path, ns=(at, at))

    def turn(self) -> None:
        with Folders(self.root) as folders:
            self.taker.turn(folders)

    def names(self, folder: str) -> set[str]:
        return {path.name for path in (self.root / folder).iterdir()}

    def messages(self) -> list[str]:
        """Their references, in the order in which they were taken."""
        with self.store.read() as tx:
            return [row["reference"] for row in tx.all("SELECT reference FROM messages ORDER BY id")]


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    monkeypatch.setattr(spool_folders, "SETTLED_S", 0.0)
    made = Spool(tmp_path)
    yield made
    made.offload.stop()
    made.store.close()


def test_hundreds_of_files_are_taken_once_in_order_and_broken_ones_named(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_hand = [0]
    read, write = Folders.read, taking._write

    def counted(*args: Any) -> bytes:
        in_hand.append(in_hand[-1] + 1)
        return read(*args)

    def emptied(*args: Any) -> Any:
        in_hand.append(0)
        return write(*args)

    monkeypatch.setattr(Folders, "read", counted)
    monkeypatch.setattr(taking, "_write", emptied)
    count = taking.A_TURN + 100
    broken = {number for number in range(count) if number % 9 == 0}
    order = [(number * 7) % count for number in range(count)]  # no order of names
    for place, number in enumerate(order):
        to = "To: nobody" if number in broken else f"To: 49170{1000000 + number}"
        spool.put(f"f{number:04d}", f"{to}\n\ntext {number}", 1_000 + place)
    spool.turn()
    spool.put("late", "To: 491701234567\n\nlate", 999_999_999)
    spool.turn()
    good = [number for number in order if number not in broken]
    assert spool.messages() == [*(f"f{number:04d}" for number in good), "late"]
    assert spool.names("failed") == {f"f{number:04d}" for number in broken}
    assert spool.names("checked") == {*(f"f{number:04d}" for number in good), "late"}
    assert spool.names("outgoing") == spool.names(".pending") == set()
    assert max(in_hand) <= taking.AT_ONCE  # contents in memory at a time
    spool.turn()
    assert len(spool.messages()) == len(good) + 1


def test_a_file_that_no_one_foresaw_stops_no_other(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def trips(tx: Tx, draft: Draft, *more: Any) -> Any:
        if draft.text == "odd":
            raise ZeroDivisionError
        return accept(tx, draft, *more)

    monkeypatch.setattr(taking, "accept", trips)
    for place, text in enumerate(("one", "odd", "two")):
        spool.put(text, f"To: 491701234567\n\n{text}", place)
    spool.turn()
    assert spool.messages() == ["one", "two"]
    assert spool.names("failed") == {"odd"}
    assert b"Fail_reason: an unexpected error" in (spool.root / "failed" / "odd").read_bytes()
    assert "ZeroDivisionError" in caplog.text


def test_a_database_that_cannot_be_written_fails_no_file(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any) -> Any:
        raise StoreError("gone")

    spool.put("one", "To: 491701234567\n\none", 1)
    with monkeypatch.context() as gone:
        gone.setattr(taking, "accept", down)
        with pytest.raises(StoreError):
            spool.turn()
    assert spool.names("outgoing") == {"one"}
    spool.turn()
    assert spool.messages() == ["one"]


def test_a_file_that_became_a_link_after_the_look_is_not_followed(spool: Spool) -> None:
    spool.put("swapped", "To: 491701234567\n\nmine", 1)
    secret = spool.root / "secret"
    secret.write_text("To: 491701234567\n\nstolen")
    with Folders(spool.root) as folders:
        (seen,) = folders.outgoing()
        (spool.root / "outgoing" / "swapped").unlink()
        (spool.root / "outgoing" / "swapped").symlink_to(secret)
        with pytest.raises(BadFileError, match="cannot be read"):
            folders.read(seen)
        assert not folders.take_aside(seen, "out.1.swapped")  # what lies there by now stays
    assert spool.names("outgoing") == {"swapped"}
    assert spool.names(".pending") == set()
    spool.turn()
    assert spool.messages() == []
    assert spool.names("failed") == {"swapped"}
    assert secret.read_text().endswith("stolen")


def test_a_sender_with_line_breaks_writes_no_header_of_his_own() -> None:
    written = telling._file({"From": "A\nTo: 49\r\nX", "Report": "no"}, "text\nTo: 1")
    assert written.splitlines()[:3] == [b"From: A To: 49  X", b"Report: no", b""]


def test_a_label_of_a_sim_leaves_no_folder() -> None:
    assert "/" not in telling._safe("../../etc/x")
    assert not telling._safe("..").startswith(".")
