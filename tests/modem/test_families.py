"""Each virtual family with its own profile: it boots, sends long Chinese text, brings its reports, takes a reply.

The simulator knows nothing of drivers/: a profile that says something wrong must fail to do its work.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from modemfarm.gsm.splitting import split
from modemfarm.gsm.tpdu import SmsDeliver, decode_pdu, encode_submit
from modemfarm.model import ClaimedPart, Evidence
from modemfarm.modem.family import Profile, Profiles
from modemfarm.modem.readings import Query
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from modemfarm.simulator.personality import FAMILIES
from modemfarm.simulator.simulation import Simulation
from tests.modem.fakes import EPOCH, FakeJournal, LoopClock, profiles, run

LONG = "您好,您的订单已经发货,预计三天内送达。" * 6
REPLY = "谢谢!" * 30
TO = "+8613800000001"

# Which profile each virtual modem must be given; its name says only what the simulator calls it.
PROFILES = {
    "huawei": "huawei_e",
    "huawei-me": "huawei_me",
    "zte": "zte",
    "sim800": "simcom_2g",
    "sim7600": "simcom_4g",
    "quectel-m35": "quectel_2g",
    "ec25": "quectel_4g",
    "wavecom": "wavecom",
    "sierra": "sierra",
    "telit": "telit",
    "ublox": "ublox",
    "cinterion": "cinterion",
    "fibocom": "fibocom",
    "mtk": "mediatek",
    "neoway": "neoway",
    "a9": "aithinker",
    "generic": "generic",
}


@dataclasses.dataclass
class Did:
    """What one modem did in a few minutes of its time."""

    ready: bool
    profile: str
    iccid: str
    sent: int
    written: int
    reports: int
    reply: str
    on_the_phone: list[str]

    def well(self, iccid: str) -> bool:
        """Whether all of it is right."""
        return (
            self.ready
            and self.iccid == iccid
            and self.sent == self.written == self.reports > 1
            and self.on_the_phone == [LONG]
            and self.reply == REPLY
        )


def long_message() -> list[ClaimedPart]:
    found = []
    pieces = split(LONG, 0x5A)
    for number, data in enumerate(pieces, 1):
        pdu, length = encode_submit(TO, data, report=True, validity_s=3600, flash=False)
        more = number < len(pieces)
        found.append(ClaimedPart(number, number, 1, "", TO, number, len(pieces), pdu, length, more, EPOCH))
    return found


def joined(journal: FakeJournal) -> str:
    """The texts of received messages, put together in the order of their parts."""
    texts: dict[int, str] = {}
    for received in journal.inbound:
        if received.status_report:
            continue
        tpdu = decode_pdu(received.pdu).tpdu
        if isinstance(tpdu, SmsDeliver):
            texts[tpdu.concat.number if tpdu.concat else 1] = tpdu.text
    return "".join(texts[number] for number in sorted(texts))


def reports_in(journal: FakeJournal) -> int:
    kinds = [type(decode_pdu(received.pdu).tpdu).__name__ for received in journal.inbound]
    return kinds.count("SmsStatusReport")


def live(tmp_path: Path, family: str, loaded: Profiles) -> tuple[Did, str]:
    """One modem from power-on; how it did, and its card's true number."""
    clock, log_path = LoopClock(), tmp_path / "smsc.jsonl"

    async def main() -> tuple[Did, str]:
        simulation = Simulation(
            1, families=(family,), airtime_s=3, report_s=2, log_path=log_path, clock=lambda: clock.now().timestamp()
        )
        iccid = str(simulation.stats()["modems"][0]["iccid"])  # type: ignore[index]
        journal = FakeJournal(clock=clock)
        path = simulation.path(0)
        unguarded = ModemSettings(poll_s=600)  # what was not announced is found later; here it shall be missed
        supervisor = Supervisor(path, simulation, loaded, journal, unguarded, clock)
        simulation.unplug(0)
        simulation.replug(0)
        journal.add(*long_message())
        serving = asyncio.ensure_future(supervisor.run())
        await asyncio.sleep(120)
        simulation.deliver(0, "+8613912345678", REPLY)
        await asyncio.sleep(60)
        ready = supervisor.status.sentence == "ready"  # with reports
        phone = [str(text["text"]) for text in simulation.phone(TO)]
        serving.cancel()
        await asyncio.wait({serving})
        await simulation.stop()
        entries = [json.loads(line) for line in log_path.read_text(encoding="utf-8").splitlines()]
        return Did(
            ready=ready,
            profile=supervisor.status.family or "",
            iccid=journal.cards[0].iccid if journal.cards else "",
            sent=sum(outcome.evidence is Evidence.ACCEPTED for _, outcome in journal.outcomes),
            written=sum(entry["event"] == "submit" for entry in entries),
            reports=reports_in(journal),
            reply=joined(journal),
            on_the_phone=phone,
        ), iccid

    return run(main())


def spoiled(loaded: Profiles, name: str, **facts: object) -> Profiles:
    def spoil(profile: Profile) -> Profile:
        return dataclasses.replace(profile, **facts) if profile.name == name else profile  # type: ignore[arg-type]

    return Profiles(spoil(loaded.generic), tuple(spoil(profile) for profile in loaded.families))


def test_every_virtual_family_has_its_profile_and_every_profile_its_modem() -> None:
    loaded = profiles()
    assert PROFILES.keys() == FAMILIES.keys()
    for name, personality in FAMILIES.items():
        chosen = loaded.choose(personality.manufacturer.strip(), personality.model.strip(), personality.revision)
        assert chosen.name == PROFILES[name]
    assert {profile.name for profile in loaded} - set(PROFILES.values()) == {"simcom_600"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_does_all_its_work_with_its_own_profile(tmp_path: Path, family: str) -> None:
    did, iccid = live(tmp_path, family, profiles())
    assert did.well(iccid), did


WRONG_CNMI = ("2,0,0,0,0", "1,0,0,0,0")
WRONG_ICCID = (Query("+NOCCID", "+NOCCID:", "digits"),)
WRONG_REPORTS = {"zte": ("cdsi",)}  # it stores reports even unasked; of all others this is wrong:
STORED = ("stored",)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fact", ["cnmi", "iccid", "reports"])
def test_a_spoiled_fact_is_noticed(tmp_path: Path, family: str, fact: str) -> None:
    wrong = {"cnmi": WRONG_CNMI, "iccid": WRONG_ICCID, "reports": WRONG_REPORTS.get(family, STORED)}[fact]
    did, iccid = live(tmp_path, family, spoiled(profiles(), PROFILES[family], **{fact: wrong}))
    assert not did.well(iccid)


@pytest.mark.parametrize(
    ("family", "wrong"),
    [
        pytest.param("huawei", {"reports": ("cds",)}, id="huawei-lists-ds-1-and-refuses-it"),
        pytest.param("huawei", {"cnmi": ("2,1,0,1,0",)}, id="huawei-cnmi-with-ds-1"),
        pytest.param("sim800", {"reports": ("cdsi",)}, id="sim800-has-no-ds-2"),
        pytest.param("sim800", {"cnmi": ("2,1,0,2,0",)}, id="sim800-cnmi-with-ds-2"),
        pytest.param(
            "cinterion", {"reports": ("cds",), "cnmi": ("2,1,0,1,0", "2,1,0,1,1")}, id="cinterion-has-no-ds-1"
        ),
        pytest.param("wavecom", {"cpin_no_ok": False}, id="wavecom-cpin-without-ok"),
        pytest.param("fibocom", {"cnma": "none"}, id="fibocom-repeats-what-is-not-acknowledged"),
        pytest.param("fibocom", {"csms": 0}, id="fibocom-without-csms"),
    ],
)
def test_what_sets_a_family_apart_is_needed(tmp_path: Path, family: str, wrong: dict[str, object]) -> None:
    did, iccid = live(tmp_path, family, spoiled(profiles(), PROFILES[family], **wrong))
    assert not did.well(iccid)


def test_reports_that_an_ec25_announces_in_the_wrong_place_are_found_all_the_same(tmp_path: Path) -> None:
    """Kept in SR, announced as slot 0 of SM: its own profile has them come directly."""
    wrong = spoiled(profiles(), "quectel_4g", reports=("cdsi",), cnmi=("2,1,0,2,0",))
    did, iccid = live(tmp_path, "ec25", wrong)
    assert did.well(iccid), did
