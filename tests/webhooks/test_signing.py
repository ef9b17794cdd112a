"""Our signatures are those of Standard Webhooks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from modemfarm.store.webhooks import key_of, new_secret
from modemfarm.webhooks.signing import signed
from tests.needs import missing


def test_the_example_of_the_specification() -> None:
    headers = signed(
        key_of("whsec_plJ3nmyCDGBKInavdOK15jsl"),
        "msg_loFOjxBNrRLzqYUf",
        1731705121,
        b'{"event_type":"ping","data":{"success":true}}',
    )
    assert headers == {
        "webhook-id": "msg_loFOjxBNrRLzqYUf",
        "webhook-timestamp": "1731705121",
        "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    }


def reference() -> Callable[[str], Any]:
    try:
        from standardwebhooks.webhooks import Webhook
    except ImportError:
        missing("standardwebhooks", "the reference library judges our signatures (.venv/dev of the Makefile has it)")
    return Webhook


def test_the_reference_library_takes_our_calls() -> None:
    verifier = reference()
    secret = new_secret()
    payload = '{"type":"message.sent","data":{"text":"您好"}}'.encode()
    headers = signed(key_of(secret), "msg_1", int(time.time()), payload)
    assert verifier(secret).verify(payload, headers)["type"] == "message.sent"
    with pytest.raises(Exception, match="signature"):
        verifier(secret).verify(payload + b" ", headers)
    with pytest.raises(Exception, match="timestamp"):
        verifier(secret).verify(payload, signed(key_of(secret), "msg_1", 1, payload))


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!", "plJ3nmyCDGBKInavdOK15jsl"])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        key_of(secret)
