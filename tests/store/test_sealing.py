"""Secrets in the database open with the key file beside it, and with nothing else."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from modemfarm.store.sealing import SealError, Secret


def test_a_sealed_text_opens_at_its_place_and_shows_nothing(tmp_path: Path) -> None:
    secret = Secret(tmp_path / "state")
    sealed = secret.seal("73105968", "pin:one")
    assert "73105968" not in sealed
    assert sealed != secret.seal("73105968", "pin:one")  # two cards with one PIN do not show it
    assert Secret(tmp_path / "state").open(sealed, "pin:one") == "73105968"
    with pytest.raises(SealError, match="enter it again"):
        secret.open(sealed, "pin:two")


def test_the_key_file_is_its_owners_alone_and_stays_the_same(tmp_path: Path) -> None:
    secret = Secret(tmp_path)
    secret.seal("1", "here")
    assert stat.S_IMODE(secret.file.stat().st_mode) == 0o600
    key = secret.file.read_bytes()
    secret.file.chmod(0o644)
    secret.seal("2", "here")
    assert stat.S_IMODE(secret.file.stat().st_mode) == 0o600
    assert secret.file.read_bytes() == key
    assert list(tmp_path.iterdir()) == [secret.file]


def test_a_lost_a_foreign_and_a_damaged_key_say_what_to_do(tmp_path: Path) -> None:
    secret = Secret(tmp_path)
    sealed = secret.seal("1234", "here")
    kept = secret.file.read_bytes()
    secret.file.unlink()
    with pytest.raises(SealError, match=r"secret\.key is missing; put the old one back, or enter it again"):
        secret.open(sealed, "here")
    assert not secret.file.exists()  # looking makes none
    secret.seal("4321", "there")
    with pytest.raises(SealError, match="not the one that sealed it"):
        secret.open(sealed, "here")
    secret.file.write_bytes(kept[:5])
    with pytest.raises(SealError, match="damaged"):
        secret.open(sealed, "here")
    secret.file.write_bytes(kept)
    assert secret.open(sealed, "here") == "1234"


@pytest.mark.parametrize("place", [-1, -20, 20])
def test_a_changed_value_does_not_open(tmp_path: Path, place: int) -> None:
    secret = Secret(tmp_path)
    form, key_id, body = secret.seal("1234", "here").split(".")
    octets = bytearray(base64.urlsafe_b64decode(body))
    octets[place] ^= 1
    with pytest.raises(SealError, match="was changed"):
        secret.open(f"{form}.{key_id}.{base64.urlsafe_b64encode(octets).decode()}", "here")
    with pytest.raises(SealError, match="was changed"):
        secret.open(f"{form}.{key_id}.&", "here")


def test_a_digest_knows_its_text_its_place_and_its_key(tmp_path: Path) -> None:
    one, two = Secret(tmp_path / "one"), Secret(tmp_path / "two")
    assert one.digest("1234", "a") == one.digest("1234", "a")
    assert (
        len({one.digest("1234", "a"), one.digest("1235", "a"), one.digest("1234", "b"), two.digest("1234", "a")}) == 4
    )


def test_commands_that_need_no_secret_do_not_load_the_library() -> None:
    code = "import sys, modemfarm.cli.main, modemfarm.store.engine; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
