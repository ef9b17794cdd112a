"""What the daemon will not start with."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemfarm.config.load import load
from modemfarm.daemon.run import run
from modemfarm.errors import ConfigError


def test_tls_that_would_not_be_served_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("http: {tls: {cert: a.pem, key: b.pem}}\n", "utf-8")
    with pytest.raises(ConfigError, match=r"http\.tls"):
        run(load(file, {}, tmp_path))
