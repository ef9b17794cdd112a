"""What the world may hear of is on disk first, shown by a trace of the system calls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.farm import RealFarm, until
from tests.e2e.tracing import Call, is_durable, read_calls, tracer

TEXTS = [f"fsync probe {number}" for number in range(6)]
REPLIES = ["Reply before deletion one", "Reply before deletion two"]
FILED = "fsync probe of a file"
PHONES = [f"+49170123456{number}" for number in range(6)]
CTRL_Z = b"\x1a"
STEP_THREE = b"submitting"  # in the part's row the recipient follows its state

Traced = tuple[list[Call], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """The calls of a daemon that sent six messages and a file, and received two, and the network's log."""
    folder = tmp_path_factory.mktemp("traced")
    record = folder / "calls"
    with RealFarm(
        folder, modems=1, families=["generic"], result_within="20s", wrapper=tracer(record), chatter_ms=0
    ).start() as farm:
        for phone, text in zip(PHONES, TEXTS, strict=True):
            assert farm.http("POST", "/v1/messages", {"to": phone, "text": text})[0] == 202
        draft = farm.state_dir / "draft"
        draft.write_text(f"To: {PHONES[0][1:]}\n\n{FILED}")
        draft.rename(farm.state_dir / "spool" / "outgoing" / "filed")
        until((farm.state_dir / "spool" / "sent" / "filed").exists, 20, "the file was sent")
        farm.wait_final()
        for reply in REPLIES:
            farm.ctl("deliver", 0, PHONES[0], reply)
        until(lambda: len(farm.get("/v1/inbound")["data"]) == len(REPLIES), 20, "the replies came")
        until(lambda: sum(farm.ctl("stats")["modems"][0]["stored"].values()) == 0, 20, "their slots are empty")
        assert farm.terminate()[0] == 0
        lines = farm.log()
    until(lambda: "+++ exited with 0 +++" in record.read_text("latin-1")[-500:], 10, "the end of the record")
    return read_calls(record), lines


def written(calls: list[Call], what: bytes) -> list[Call]:
    return [call for call in calls if call.name == "write" and call.pty and what in call.data]


def test_step_three_is_synced_before_every_ctrl_z(traced: Traced) -> None:
    calls, lines = traced
    bodies = written(calls, CTRL_Z)
    assert len(bodies) == len(TEXTS) + 1 == sum(line["event"] == "submit" for line in lines)
    asked = written(calls, b"AT+CMGS=")
    recipients = [line["to"].encode() for line in lines if line["event"] == "submit"]
    for body, recipient in zip(bodies, recipients, strict=True):
        prompted = max(call.begin for call in asked if call.begin < body.begin)
        assert is_durable(calls, STEP_THREE + recipient, prompted, body.begin), body


def test_a_message_is_synced_before_every_202(traced: Traced) -> None:
    calls, _ = traced
    answers = [call for call in calls if call.name in {"sendto", "write"} and call.data.startswith(b"HTTP/1.1 202")]
    assert len(answers) == len(TEXTS)
    began = 0
    for text, answer in zip(TEXTS, answers, strict=True):
        assert is_durable(calls, text.encode(), began, answer.begin), text
        began = answer.begin


def test_a_file_is_synced_before_it_leaves_outgoing(traced: Traced) -> None:
    calls, _ = traced
    left = [call for call in calls if call.name == "renameat" and call.path.endswith("/outgoing")]
    assert [call.data for call in left] == [b"filed"]
    assert is_durable(calls, FILED.encode(), 0, left[0].begin)


def test_a_received_pdu_is_synced_before_every_deletion(traced: Traced) -> None:
    calls, lines = traced
    deletions = written(calls, b"AT+CMGD=")
    pdus = [line["pdu"].encode() for line in lines if line["event"] == "inbound"]
    assert len(pdus) == len(REPLIES)
    assert len(deletions) >= len(pdus)
    for deletion in deletions:
        read = max(call.begin for call in written(calls, b"AT+CMGR=") if call.begin < deletion.begin)
        assert any(is_durable(calls, pdu, read, deletion.begin) for pdu in pdus), deletion


def test_the_trace_would_show_a_missing_fsync(traced: Traced) -> None:
    calls, lines = traced
    step = STEP_THREE + next(line["to"].encode() for line in lines if line["event"] == "submit")
    without = [call for call in calls if not call.sync]
    body = written(calls, CTRL_Z)[0]
    assert is_durable(calls, step, 0, body.begin)
    assert not is_durable(without, step, 0, body.begin)
