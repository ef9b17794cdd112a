"""The scoreboard's rows hold for modemfarm: each situation on real processes, judged by the network's log."""

from __future__ import annotations

from functools import partial

import pytest

from bench import situations
from bench.peers.contender import Modemfarm
from bench.peers.measures import SETTLE_S
from bench.scoreboard import OURS, ROWS, SMSTOOLS, Situation, table
from bench.situations import Told

# as on the board, with fewer messages where their number only costs time
SHORTER = {
    situations.rejecting: partial(situations.rejecting, count=8),
    situations.pickup: partial(situations.pickup, gap_s=0.5),
    situations.overhead: partial(situations.overhead, count=10),
}


@pytest.mark.slow
@pytest.mark.parametrize("row", [pytest.param(row, id=row.play.__name__) for row in ROWS])
def test_modemfarm_comes_through(row: Situation) -> None:
    told = SHORTER.get(row.play, row.play)(Modemfarm)
    if row.play is situations.pickup:  # how long is the machine's; that each one left is ours
        assert 0 < told.seconds < SETTLE_S, told
    else:
        assert told.right, told


def test_the_board_shows_what_was_measured_beside_what_was_published() -> None:
    board = table(
        {(ROWS[0].name, OURS): Told("once", right=True), (ROWS[0].name, SMSTOOLS): Told("twice", right=False)}
    )
    assert "pending | once | – | duplicate | twice | clean, exactly once | clean, exactly once (exit 5 s) |" in board
    assert board.count("\n") == len(ROWS) + 1
    assert {len(row.published) for row in ROWS} == {3}
    assert [row.name for row in ROWS if row.alone] == ["2 modems, one rejects everything, 40 messages"]
