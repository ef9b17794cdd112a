"""Fuzzes the PDU codec: any octets are a value or PduDecodeError, and what was read can be written and read again.

With atheris installed the search is guided by coverage, and the arguments are libFuzzer's
(``-max_total_time=600``, ``-runs=1000000``, a corpus folder). Without it, it says so and runs hypothesis for as long
as ``-max_total_time`` says, 60 s by default. Exit code 0 means that nothing was found.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from modemfarm.errors import PduDecodeError

try:
    import atheris
except ImportError:
    atheris = None

if atheris is None:
    from modemfarm.gsm import tpdu, userdata
else:
    with atheris.instrument_imports(include=["modemfarm.gsm"]):
        from modemfarm.gsm import tpdu, userdata

VECTORS = Path(__file__).parents[1] / "vectors" / "pdu.json"
DEFAULT_SECONDS = 60


def one_input(octets: bytes) -> None:
    """The first octet chooses how the rest is read."""
    mode, octets = (octets[0], octets[1:]) if octets else (0, b"")
    try:
        found = tpdu.decode_pdu(octets, submit=bool(mode & 1), has_smsc=not mode & 2)
    except PduDecodeError as error:
        check_place(error, octets)
        return
    value = found.tpdu
    again = tpdu.decode_pdu(value.encode(), has_smsc=False)
    assert again.tpdu == value, (octets.hex(), value, again.tpdu)
    assert again.surplus == b""
    if not isinstance(value, tpdu.SmsStatusReport):
        value.text.encode("utf-8")
        assert userdata.join([value.user_data]) == value.text


def check_place(error: PduDecodeError, octets: bytes) -> None:
    assert error.field
    assert 0 <= error.octet <= len(octets)


def seeds() -> list[bytes]:
    return [b"\0" + bytes.fromhex(vector["pdu"]) for vector in json.loads(VECTORS.read_text("utf-8"))]


def run_hypothesis(seconds: float) -> None:
    """Random octets, damaged vectors and spliced vectors, until the time is up."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    known = seeds()
    damage = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6)
    shapes = st.one_of(
        st.binary(max_size=220),
        st.tuples(st.sampled_from(known), damage, st.integers(0, 400)).map(_damaged),
        st.tuples(st.sampled_from(known), st.sampled_from(known), st.integers(0, 200)).map(
            lambda pair: pair[0][: pair[2]] + pair[1][pair[2] :]
        ),
    )

    @settings(
        max_examples=5000,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(octets=shapes)
    def batch(octets: bytes) -> None:
        one_input(octets)

    for octets in known:
        one_input(octets)
    until, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        batch()
        rounds += 1
    print(f"fuzz_gsm: {rounds * 5000} inputs, nothing found")  # noqa: T201


def _damaged(drawn: tuple[bytes, list[tuple[int, int]], int]) -> bytes:
    base, places, end = drawn
    octets = bytearray(base)
    for at, value in places:
        octets[at % len(octets)] = value
    return bytes(octets[: max(1, end)])


def main() -> None:
    if atheris is None:
        given = [word.partition("=")[2] for word in sys.argv if word.startswith("-max_total_time=")]
        seconds = float(given[-1]) if given else DEFAULT_SECONDS
        print(f"fuzz_gsm: atheris is not installed; running hypothesis for {seconds:g} s, without coverage to guide it")  # noqa: T201
        run_hypothesis(seconds)
        return
    with tempfile.TemporaryDirectory() as folder:
        for number, octets in enumerate(seeds()):
            Path(folder, f"{number:03}").write_bytes(octets)
        arguments = (
            sys.argv if any("=" in word for word in sys.argv[1:]) else [*sys.argv, f"-max_total_time={DEFAULT_SECONDS}"]
        )
        atheris.Setup([*arguments, "-max_len=300", "-timeout=5", folder], one_input)
        sys.stdout.flush()
        atheris.Fuzz()


if __name__ == "__main__":
    main()
