"""What may be dialled as a USSD string; a configuration is read without the code that dials."""

from __future__ import annotations

import re

from modemfarm.gsm.alphabet import encode7

MOST_STEPS = 6  # the modem does nothing else meanwhile
LONGEST = 160
_CODE = re.compile(r"[*#]+[0-9][0-9*#]*#")  # TS 22.030 §6.5.2: whatever else is dialled may be a call
# What a modem may take for itself (TS 22.030 §6.6.2, annex B): PIN, PUK, password, forwarding and barring of calls.
_OURS = re.compile(r"\*\*0|(?:\*\*|\*|##|#)(?:21|6[127]|00[24]|03|33[0-3]?|35[13]?)[*#]")


def is_code(text: str) -> bool:
    """Whether a dialogue may begin so: from ``*`` or ``#`` to ``#``, and it changes neither PINs nor calls."""
    return len(text) <= LONGEST and _CODE.fullmatch(text) is not None and _OURS.match(text) is None


def is_answer(text: str) -> bool:
    """Whether a menu may be answered so: what the default alphabet can say, without quotes."""
    return 0 < len(text) <= LONGEST and '"' not in text and text.isprintable() and encode7(text) is not None
