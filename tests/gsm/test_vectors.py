"""Every published vector, both ways, through the codec and through `modemfarm pdu`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modemfarm.cli.pdu import pdu
from modemfarm.errors import PduDecodeError
from modemfarm.gsm.dcs import encode_dcs
from modemfarm.gsm.header import Header, Ports
from modemfarm.gsm.splitting import split
from modemfarm.gsm.tpdu import SmsDeliver, SmsStatusReport, SmsSubmit, decode_pdu, encode_pdu
from modemfarm.gsm.userdata import build8, one_part
from modemfarm.gsm.validity import AbsoluteValidity, RelativeValidity, Validity
from modemfarm.model import Encoding

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "pdu.json").read_text("utf-8"))
EVERY = pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in VECTORS])
SUBMITS = [vector for vector in VECTORS if vector["kind"] == "submit"]
DELIVERS = [vector for vector in VECTORS if vector["kind"] == "deliver"]


def expected_json(vector: dict[str, Any]) -> dict[str, Any]:
    """What `pdu decode --json` must say, from the vector's own fields."""
    concat = vector.get("concat")
    validity = vector.get("validity")
    if validity is not None:
        validity = {"relative": validity} if isinstance(validity, int) else {"absolute": validity}
    return {
        "kind": vector["kind"],
        "smsc": vector.get("smsc"),
        "number": vector["number"],
        "text": vector.get("text"),
        "data": vector.get("data_hex"),
        "dcs": vector.get("dcs"),
        "reference": vector.get("reference"),
        "concat": concat and dict(zip(("ref", "total", "number"), concat, strict=True)),
        "status": vector.get("status"),
        "time": vector.get("time"),
        "discharge_time": vector.get("discharge"),
        "srr": vector.get("srr"),
        "validity": validity,
        "message_class": vector.get("class"),
    }


@EVERY
def test_vector_reads_as_its_fields_say(vector: dict[str, Any]) -> None:
    result = CliRunner().invoke(pdu, ["decode", "--json", vector["pdu"]])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == expected_json(vector)


@EVERY
def test_vector_reads_and_writes_back_octet_for_octet(vector: dict[str, Any]) -> None:
    octets = bytes.fromhex(vector["pdu"])
    found = decode_pdu(octets)
    assert found.surplus == b""
    assert encode_pdu(found.tpdu, found.smsc) == (octets, vector["tpdu_length"])


@EVERY
def test_national_tables_and_ports_of_the_vector_are_found(vector: dict[str, Any]) -> None:
    tpdu = decode_pdu(bytes.fromhex(vector["pdu"])).tpdu
    if isinstance(tpdu, SmsStatusReport):
        assert tpdu.tail.hex() == vector.get("optional_tail_hex", "")
        return
    assert tpdu.user_data.locking == vector.get("locking_table", 0)
    assert tpdu.user_data.single == vector.get("single_shift_table", 0)
    ports = vector.get("ports")
    assert tpdu.ports == (ports and Ports(*ports))


@EVERY
def test_every_strict_prefix_of_the_vector_is_refused_or_says_the_same(vector: dict[str, Any]) -> None:
    octets = bytes.fromhex(vector["pdu"])
    whole = decode_pdu(octets).tpdu
    for end in range(len(octets)):
        try:
            found = decode_pdu(octets[:end]).tpdu
        except PduDecodeError:
            continue
        # Only a status report may be cut, and only behind TP-ST.
        assert isinstance(found, SmsStatusReport)
        assert isinstance(whole, SmsStatusReport)
        assert (found.mr, found.recipient, found.status) == (whole.mr, whole.recipient, whole.status)
        assert (found.scts, found.discharge_time) == (whole.scts, whole.discharge_time)


def validity_of(vector: dict[str, Any]) -> Validity | None:
    value = vector.get("validity")
    if value is None:
        return None
    return RelativeValidity(value) if isinstance(value, int) else AbsoluteValidity(datetime.fromisoformat(value))


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in SUBMITS])
def test_submit_vector_is_written_from_its_fields_alone(vector: dict[str, Any]) -> None:
    if "ports" in vector:
        part = one_part(vector["text"], Header(ports=Ports(*vector["ports"])))
    else:
        ref, _, number = vector.get("concat", (0, 1, 1))
        part = split(
            vector.get("whole_text", vector["text"]),
            ref,
            ref_bits=16 if ref > 255 else 8,
            locking=vector.get("locking_table", 0),
            single=vector.get("single_shift_table", 0),
        )[number - 1]
    assert part.text == vector["text"]
    made = SmsSubmit(
        vector["number"],
        part,
        mr=vector["reference"],
        report=vector["srr"],
        validity=validity_of(vector),
        dcs=encode_dcs(part.encoding, vector.get("class")),
        reject_duplicates=False,
    )
    octets, length = encode_pdu(made, vector.get("smsc"))
    assert octets.hex().upper() == vector["pdu"]
    assert length == vector["tpdu_length"]


@pytest.mark.parametrize(
    "vector",
    [pytest.param(vector, id=vector["name"]) for vector in SUBMITS if "ports" not in vector],
)
def test_submit_vector_comes_out_of_the_command_line(vector: dict[str, Any]) -> None:
    words = ["encode", "--json", vector["number"], vector.get("whole_text", vector["text"])]
    words += ["--reference", str(vector["reference"])]
    if "concat" in vector:
        words += ["--concat-ref", str(vector["concat"][0])]
    if vector["srr"]:
        words += ["--report"]
    if "class" in vector:
        words += ["--flash"]
    if "validity" in vector:
        words += ["--validity", str(vector["validity"])]
    if "smsc" in vector:
        words += ["--smsc", vector["smsc"]]
    if "single_shift_table" in vector:
        words += ["--language", str(vector["single_shift_table"])]
    result = CliRunner().invoke(pdu, words)
    assert result.exit_code == 0, result.output
    parts = [json.loads(line) for line in result.stdout.splitlines()]
    number = vector["concat"][2] if "concat" in vector else 1
    assert parts[number - 1] == {"pdu": vector["pdu"], "tpdu_length": vector["tpdu_length"]}


@pytest.mark.parametrize(
    "vector",
    [
        pytest.param(vector, id=vector["name"])
        for vector in DELIVERS
        if "udh fill bits" not in vector["name"] and "unknown IE" not in vector["name"]
    ],
)
def test_deliver_vector_is_written_from_its_fields_alone(vector: dict[str, Any]) -> None:
    found = decode_pdu(bytes.fromhex(vector["pdu"])).tpdu
    assert isinstance(found, SmsDeliver)
    header = Header(concat=found.concat, single=found.user_data.single, locking=found.user_data.locking)
    part = build8(bytes.fromhex(vector["data_hex"])) if "data_hex" in vector else one_part(vector["text"], header)
    first = vector.get("first_octet", 0x04)
    made = SmsDeliver(
        vector["number"],
        part,
        datetime.fromisoformat(vector["time"]),
        more_to_send=not first & 0x04,
        report_indication=bool(first & 0x20),
        reply_path=bool(first & 0x80),
        pid=found.pid,
        dcs=vector["dcs"],
    )
    assert (part.encoding is Encoding.UCS2) == (found.encoding is Encoding.UCS2)
    assert encode_pdu(made, vector.get("smsc"))[0].hex().upper() == vector["pdu"]
