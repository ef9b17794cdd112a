"""What a person does beside sending: pauses, replies, SIMs, opt-outs, and the question at many people."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

import pytest

from modemfarm import wording
from modemfarm.model import CAUTIOUS, SimState
from modemfarm.store import actions, counters, sims, suppress
from modemfarm.store.engine import Tx, to_us
from tests.cli.farm import NOW, FarmAt


def test_pause_and_resume_say_what_is_paused(farm: FarmAt) -> None:
    assert farm("pause", "--json").json["pauses"][0]["scope"] == "all"
    assert farm("pause", "--class", "marketing", "--json").json["pauses"][1]["value"] == "marketing"
    assert [item["scope"] for item in farm("resume", "--json").json["pauses"]] == ["class"]
    assert "not paused" in farm("resume").out


def _inbound(tx: Tx, originator: str, text: str) -> None:
    tx.run(
        "INSERT INTO inbound (iccid, originator, text, received_at) VALUES ('8986001234567890123', :from, :text, :at)",
        **{"from": originator, "text": text, "at": to_us(NOW)},
    )


def test_replies_are_listed_and_answered_with_the_sim_that_got_them(farm: FarmAt) -> None:
    farm.write(_inbound, "+8613800138000", "好的")
    farm.write(_inbound, "10086", "balance")
    listed = farm("inbox", "list", "--json").json["data"]
    assert [item["from"] for item in listed] == ["10086", "+8613800138000"]
    answer = farm("inbox", "reply", str(listed[1]["id"]), "谢谢", "--json").json
    assert (answer["to"], answer["class"]) == ("+8613800138000", "conversation")
    assert farm("inbox", "reply", str(listed[0]["id"]), "hi").code == 2


def test_sims_are_set_where_the_file_does_not_speak(farm: FarmAt) -> None:
    with (farm.folder / "farm" / "config.yaml").open("a") as file:
        file.write('sims: {"8986001234567890123": {label: Front}}\n')
    found = farm(
        "sims", "set", "89860012345678901234", "--plan", "unlimited", "--tag", "a", "--tag", "b", "--json"
    ).json
    assert (found["iccid"], found["plan"], found["tags"], found["label"]) == (
        "8986001234567890123", "unlimited", ["a", "b"], "Front")  # fmt: skip
    ran = farm("sims", "set", "8986001234567890123", "--label", "x")
    assert ran.code == 2
    assert "farm/config.yaml" in ran.err
    assert farm("sims", "set", "8986001234567890123", "--plan", "gold").code == 2
    assert farm("sims", "pause", "Front", "--json").json["state"] == "paused"
    assert farm("sims", "resume", "Front", "--json").json["state"] == "active"


def test_sims_of_one_account_share_one_plan(farm: FarmAt) -> None:
    assert farm("sims", "set", "8986001234567890123", "--account", "shop", "--plan", "unlimited").code == 0
    ran = farm("sims", "set", "8986001234567890999", "--account", "shop")
    assert ran.code == 2
    assert "share one" in ran.err
    assert len(farm("sims", "list", "--json").json["data"]) == 1


def test_suppressed_numbers_are_added_listed_and_removed(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "a")
    assert farm("suppress", "add", "13800138000", "--json").json["data"] == [
        {"number": "+8613800138000", "canceled": 1}
    ]
    assert [item["number"] for item in farm("suppress", "list", "--json").json["data"]] == ["+8613800138000"]
    assert farm.store.look(suppress.is_suppressed, "+8613800138000")
    assert farm("suppress", "remove", "+8613800138000").code == 0
    assert not farm.store.look(suppress.is_suppressed, "+8613800138000")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to lack rights: run as root")
def test_without_rights_on_the_database_the_way_out_is_named(farm: FarmAt) -> None:
    for path in [farm.folder, *farm.folder.parents]:  # pytest's own folders are 0700
        if path.stat().st_uid == 0 and len(path.parts) > 2:
            path.chmod(0o711)
    (farm.folder / "farm").chmod(0o700)
    assert as_nobody(farm, "messages", "list") == 5


def as_nobody(farm: FarmAt, *words: str) -> int:
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        os._exit(farm(*words).code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_while_the_farm_is_paused_send_says_so(farm: FarmAt) -> None:
    assert farm("pause").code == 0
    (item,) = farm("send", "13800138000", "--text", "x", "--json").json
    assert (item["state"], item["reason"]) == ("held", "paused")


def test_how_a_person_opted_out_is_also_called_the_channel(farm: FarmAt) -> None:
    assert farm("suppress", "add", "13800138000", "--channel", "phone").code == 0
    assert farm("suppress", "list", "--json").json["data"][0]["source"] == "phone"
    assert farm("suppress", "add", "13800138000", "--channel", "pigeon").code == 2


def test_the_question_at_many_people_is_answered(farm: FarmAt) -> None:
    iccid = "8986001234567890123"
    assert farm("sims", "set", iccid, "--label", "front").code == 0
    assert farm("sims", "answer", "front", "go-on").code == 2
    month = counters.month_start(replace(CAUTIOUS, zone="Asia/Shanghai"), NOW)
    farm.write(counters.charge, iccid, "people", to_us(month), 153)
    listed = farm("sims", "list")
    assert "PEOPLE" in listed.out
    assert " 153 " in listed.out
    assert "recipients=153" in farm("sims", "show", "front").out
    farm.write(partial(sims.set_state, reason="no_credit"), iccid, SimState.PARKED, NOW)
    shown = farm("sims", "show", "front").out
    assert wording.say("sim.no_credit") in shown
    assert "reason params" not in shown
    farm.write(actions.sim_resume, iccid, NOW)
    assert farm("sims", "answer", "front", "perhaps").code == 2
    assert farm("sims", "answer", "front", "pause", "--json").json["state"] == "paused"
    assert farm("sims", "answer", "front", "go-on").code == 2
