"""Files in, files out, with real processes; the network's log judges."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.farm import RealFarm, until
from tests.e2e.spool_kill import MOMENTS
from tests.needs import missing

EXAMPLES = Path("/usr/share/doc/smstools/examples/scripts")
PHONE = "491701234567"
HANDLER = '#!/bin/sh\necho "$@" >> "$(dirname "$0")/called"\n'


def sms(to: str, text: str, *headers: str) -> bytes:
    return "\n".join((f"To: {to}", *headers, "", text)).encode()


def drop(farm: RealFarm, name: str, content: bytes) -> None:
    """Written elsewhere, then renamed in."""
    draft = farm.state_dir / f"{name}.draft"
    draft.write_bytes(content)
    draft.rename(spool(farm) / "outgoing" / name)


def spool(farm: RealFarm) -> Path:
    return farm.state_dir / "spool"


def names(farm: RealFarm, folder: str) -> list[str]:
    return sorted(path.name for path in (spool(farm) / folder).iterdir())


def headers(path: Path) -> dict[str, str]:
    head = path.read_bytes().partition(b"\n\n")[0].decode()
    return dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)


def texts(farm: RealFarm) -> Counter[str]:
    return Counter(line["text"] for line in farm.log("submit") if line["answer"] != "error")


def with_handler(folder: Path, **more: object) -> RealFarm:
    folder.mkdir(parents=True, exist_ok=True)
    handler = folder / "handler"
    handler.write_text(HANDLER)
    handler.chmod(0o755)
    yaml = f"spool: {{eventhandler: {handler}}}\n"
    return RealFarm(folder, modems=2, airtime_ms=15, report_ms=40, yaml=yaml, chatter_ms=0, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealFarm]:
    with with_handler(tmp_path_factory.mktemp("spool")).start() as made:
        until((spool(made) / "report").is_dir, 10, "the folders")
        yield made


def called(farm: RealFarm) -> list[list[str]]:
    file = farm.folder / "called"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def test_a_file_goes_out_and_its_report_comes_back(farm: RealFarm) -> None:
    drop(farm, "order-1", sms(PHONE, "Your order 1", "Report: yes", "X-Ticket: 17"))
    until(lambda: "order-1" in names(farm, "sent"), 20, farm.said)
    told = headers(spool(farm) / "sent" / "order-1")
    assert {"To", "X-Ticket", "Modem", "Sent", "Message_id", "Sending_time", "IMSI", "IMEI"} <= told.keys()
    assert (spool(farm) / "sent" / "order-1").read_bytes().endswith(b"\n\nYour order 1")
    assert "order-1" not in names(farm, "checked") + names(farm, "outgoing")
    until(lambda: names(farm, "report"), 20, farm.said)
    report = spool(farm) / "report" / names(farm, "report")[0]
    body = report.read_text().partition("\n\n")[2].splitlines()
    assert body[:2] == ["SMS STATUS REPORT", f"Message_id: {told['Message_id']}"]
    assert body[3] == "Status: 0,Ok,received by the recipient"
    assert headers(report)["From"] == PHONE
    sent = ["SENT", str(spool(farm) / "sent" / "order-1"), told["Message_id"]]
    until(lambda: sent in called(farm) and ["REPORT", str(report)] in called(farm), 10, lambda: called(farm))


def test_a_reply_becomes_a_file(farm: RealFarm) -> None:
    farm.ctl("deliver", 0, "+" + PHONE, "你好 spool")
    until(
        lambda: any("你好" in (spool(farm) / "incoming" / name).read_text() for name in names(farm, "incoming")),
        20,
        farm.said,
    )
    path = spool(farm) / "incoming" / names(farm, "incoming")[-1]
    told = headers(path)
    assert (told["From"], told["From_TOA"]) == (PHONE, "91 international, ISDN/telephone")
    assert (told["Alphabet"], told["Length"], told["Subject"]) == ("UTF-8", "8", told["Modem"])
    assert path.read_text().endswith("\n\n你好 spool")
    until(lambda: ["RECEIVED", str(path)] in called(farm), 10, lambda: called(farm))


def test_what_cannot_be_taken_is_named_and_stops_nothing_else(farm: RealFarm) -> None:
    outgoing = spool(farm) / "outgoing"
    secret = farm.folder / "secret"
    secret.write_text("To: 491701234567\n\nstolen words")
    drop(farm, "binary", sms(PHONE, "x" * 20, "Alphabet: binary"))
    drop(farm, "nobody", b"X: 1\n\nno recipient")
    drop(farm, "empty", b"To: 491701234567\n\n")
    drop(farm, "odd", sms("12", "Hello"))
    drop(farm, "stopped", sms(PHONE, "an offer", "Message-Class: marketing"))
    (outgoing / "link").symlink_to(secret)
    os.link(secret, outgoing / "hard")
    os.mkfifo(outgoing / "pipe")
    drop(farm, "huge", sms(PHONE, "x" * 200_000))
    drop(farm, "bad\nname", sms(PHONE, "in a bad name"))
    drop(farm, "good", sms(PHONE, "goes on"))
    (outgoing / "folder").mkdir()
    (outgoing / ".hidden").write_bytes(sms(PHONE, "hidden words"))
    (outgoing / "held").write_bytes(sms(PHONE, "locked words"))
    (outgoing / "held.LOCK").write_bytes(b"1234")
    expected = {
        "binary": "Alphabet",
        "nobody": "no To",
        "empty": "no text",
        "odd": "12",
        "stopped": "refused, profile",
        "link": "link",
        "hard": "hard link",
        "pipe": "pipe",
        "huge": "100000",
        "bad_name": "name",
    }
    until(
        lambda: expected.keys() <= set(names(farm, "failed")), 20, lambda: (names(farm, "failed"), farm.said()[-2000:])
    )
    for name, why in expected.items():
        told = headers(spool(farm) / "failed" / name)
        assert why in told["Fail_reason"], (name, told)
    until(lambda: "good" in names(farm, "sent"), 20, farm.said)
    assert names(farm, "outgoing") == [".hidden", "folder", "held", "held.LOCK"]
    assert secret.read_text().endswith("stolen words")
    (outgoing / "held.LOCK").unlink()
    until(lambda: "held" in names(farm, "sent"), 20, farm.said)
    assert texts(farm)["goes on"] == texts(farm)["locked words"] == 1
    assert not {"stolen words", "hidden words", "in a bad name"} & texts(farm).keys()
    assert ["FAILED", str(spool(farm) / "failed" / "binary")] in called(farm)


def test_a_file_is_taken_once_it_is_whole(farm: RealFarm) -> None:
    path = spool(farm) / "outgoing" / "slow"
    with path.open("wb", buffering=0) as file:
        for piece in (b"To: 491701", b"234567\n\nwritten ", b"bit by ", b"bit"):
            file.write(piece)
            time.sleep(0.3)  # a producer of its own, slower than a look
    until(lambda: "slow" in names(farm, "sent"), 20, farm.said)
    assert texts(farm)["written bit by bit"] == 1


def test_the_same_content_twice_is_two_messages(farm: RealFarm) -> None:
    for _ in range(2):
        drop(farm, "same", sms(PHONE, "the same words"))
        until(lambda: not names(farm, "outgoing") or names(farm, "outgoing") == [".hidden", "folder"], 20, farm.said)
    until(lambda: texts(farm)["the same words"] == 2, 20, farm.said)
    until(lambda: sum(name.startswith("same") for name in names(farm, "sent")) == 2, 20, farm.said)


@pytest.mark.parametrize(
    "moment", [moment if moment == "committed" else pytest.param(moment, marks=pytest.mark.slow) for moment in MOMENTS]
)
def test_a_kill_loses_nothing_and_doubles_nothing(tmp_path: Path, moment: str) -> None:
    wrapper = [sys.executable, "-m", "tests.e2e.spool_kill", moment]
    with with_handler(tmp_path / "farm", wrapper=wrapper, result_within="4s").start() as farm:
        wanted = [f"spool text {number}" for number in range(3)]
        until((spool(farm) / ".pending").is_dir, 10, "the folders")

        def dead() -> bool:
            return farm.daemon is None or farm.daemon.poll() is not None

        for number, text in enumerate(wanted):
            if not dead():
                until(lambda: dead() or names(farm, "outgoing") == [], 20, farm.said)
            drop(farm, f"file-{number}", sms(PHONE, text))
            until(lambda name=f"file-{number}": dead() or name in names(farm, "sent"), 20, farm.said)
        farm.wait_killed()
        farm.ctl("deliver", 0, "+" + PHONE, "an answer")
        farm.wrapper = ()
        farm.restart()
        until(
            lambda: names(farm, "sent") == [f"file-{n}" for n in range(3)],
            30,
            lambda: (names(farm, "sent"), farm.said()),
        )
        until(lambda: names(farm, "incoming"), 20, farm.said)
        farm.terminate()
        assert texts(farm) == Counter(wanted)
        assert names(farm, "outgoing") == names(farm, "checked") == names(farm, "failed") == []
        assert len(names(farm, "incoming")) == 1
        assert names(farm, ".pending") == []
        assert Counter(kind for kind, *_ in called(farm))["SENT"] <= len(wanted)


def beside_debians(folder: Path) -> list[str]:
    """Words before a command that sees `folder` where Debian's scripts look for their spool."""
    if not (EXAMPLES / "sendsms").exists() or not Path("/var/spool/sms").is_dir():
        missing("smstools", "its own scripts are run, unmodified (apt-get install smstools)")
    words = ["unshare", "--mount", "--map-root-user"] if os.geteuid() else ["unshare", "--mount"]
    script = f'mount --bind "{folder}" /var/spool/sms && exec "$@"'
    before = [*words, "sh", "-c", script, "sh"]
    if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        missing("the right to mount (unshare --mount)", "Debian's scripts write to /var/spool/sms")
    return before


def test_the_sendsms_script_of_debian_works_unmodified(farm: RealFarm) -> None:
    before = beside_debians(spool(farm))
    for text in ("Sent by a script", "脚本发出的短信"):
        words = [*before, "bash", str(EXAMPLES / "sendsms"), PHONE, text]
        done = subprocess.run(words, capture_output=True, check=False, env=os.environ | {"LC_ALL": "C.UTF-8"})
        assert done.returncode == 0, done
        until(lambda text=text: texts(farm)[text] == 1, 20, farm.said)
    until(lambda: sum(name.startswith("send_") for name in names(farm, "sent")) == 2, 20, farm.said)


@pytest.mark.slow
def test_an_eventhandler_of_debian_works_unmodified(tmp_path: Path) -> None:
    if not (EXAMPLES / "eventhandler-utf-8").exists():
        missing("smstools", "its own scripts are run, unmodified (apt-get install smstools)")
    folder = tmp_path / "farm"
    yaml = f"spool: {{eventhandler: sh {EXAMPLES / 'eventhandler-utf-8'}}}\n"
    with RealFarm(folder, airtime_ms=15, report_ms=40, yaml=yaml, chatter_ms=0).start() as farm:
        until((spool(farm) / "report").is_dir, 10, "the folders")
        farm.ctl("deliver", 0, "+" + PHONE, "Plain words")
        until(lambda: names(farm, "incoming"), 20, farm.said)
        path = spool(farm) / "incoming" / names(farm, "incoming")[0]
        until(lambda: path.exists() and path.stat().st_mode & 0o777 == 0o644, 20, farm.said)  # its last command
        assert path.read_text().endswith("\n\nPlain words")
        assert "eventhandler:" not in farm.said()


@pytest.mark.slow
def test_two_thousand_files_at_once(tmp_path: Path) -> None:
    count = 2_000
    with RealFarm(tmp_path / "farm", modems=8, airtime_ms=0, report_ms=0, chatter_ms=0).start() as farm:
        until((spool(farm) / "report").is_dir, 10, "the folders")
        for number in range(count):
            drop(farm, f"many-{number:04d}", sms(f"49170{1000000 + number}", f"many {number}", "Report: no"))
        until(lambda: len(names(farm, "sent")) == count, 600, lambda: len(names(farm, "sent")))
        assert names(farm, "outgoing") == names(farm, "checked") == []
        found = texts(farm)
        assert len(found) == count
        assert set(found.values()) == {1}
