"""What schemathesis cannot know: values that the formats of our document mean, and files that can be read.

It is named to the tool by SCHEMATHESIS_HOOKS and runs in its process.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import schemathesis
from hypothesis import strategies

_NUMBERS = ("+8613800138000", "+8613800138007", "+8613900139000")
_FORMATS = {
    "phone": _NUMBERS,
    "sim": ("8986001234567890101", "front"),
    "plan": ("cautious", "unlimited"),
    "timezone": ("Asia/Shanghai", "Europe/Berlin"),
    "language": ("zh", "ru"),
    "hours": ("mon-sat 09:00-20:00", "sun 10:00-18:00"),
    "template": ("Hello", "您好"),
    "word": ("OFFERS", "优惠"),
    "charset": ("utf-8",),
    "column-map": ("to=手机号,text=text", "phone=手机号"),
    "webhook-url": ("http://shop.example.com:8080/sms", "https://example.com/sms"),
    "webhook-secret": ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
    "date-time": ("2026-03-15T09:30:00Z", "2026-04-01T12:00:00+08:00"),  # after the sample's clock
}
_CSV = f"手机号,text\r\n{_NUMBERS[0]},Hello\r\n".encode()
_NDJSON = f'{{"to": "{_NUMBERS[0]}", "number": "{_NUMBERS[0]}", "text": "Hello"}}\n'.encode()

for _name, _values in _FORMATS.items():
    schemathesis.openapi.format(_name, strategies.sampled_from(_values))
schemathesis.openapi.media_type("text/csv", strategies.just(_CSV))
schemathesis.openapi.media_type("application/x-ndjson", strategies.just(_NDJSON))

_fresh = itertools.count()


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """Mend in a good request what no schema says: a key is new, a validity ends after its start."""
    if case.meta is None or not all(part.mode.is_positive for part in case.meta.components.values()):
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"fresh-{next(_fresh)}"
    for given in (case.body, case.query):
        for name in ("valid_until", "until"):
            if isinstance(given, dict) and given.get(name):
                given[name] = "2026-05-01T00:00:00Z"
    if isinstance(case.body, dict) and "cost_per_day" in case.body:
        case.body["cost_per_day"] = None  # no plan of the sample has a price
    for given in (case.body, case.body.get("changes") if isinstance(case.body, dict) else None):
        if isinstance(given, dict) and "\\u0000" in json.dumps(given.get("metadata")):
            given["metadata"] = {}  # which no database keeps
