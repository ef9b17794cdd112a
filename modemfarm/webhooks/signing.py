"""Standard Webhooks: the headers that prove who calls."""

from __future__ import annotations

import base64
import hashlib
import hmac


def signed(key: bytes, event_id: str, at: int, payload: bytes) -> dict[str, str]:
    """The headers of one attempt.

    Args:
        at: seconds since the epoch, of this attempt.
    """
    told = f"{event_id}.{at}.".encode() + payload
    signature = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
    return {"webhook-id": event_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}
