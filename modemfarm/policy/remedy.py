"""The command that would open what was refused."""

from __future__ import annotations

import shlex
from collections.abc import Mapping


def command(slug: str | None, number: str, params: Mapping[str, object]) -> str | None:
    """What to type after a refusal, with the holes in capitals; None where nothing opens it."""
    match slug:
        case "profile":
            document = " --document NAME" if params.get("own_sim") == "prohibited" else ""
            return f"modemfarm policy attest --who NAME --basis TEXT --until YYYY-MM-DD{document}"
        case "signature_missing":
            return "modemfarm policy set brand NAME"
        case "consent_missing":
            purpose = f" --purpose {shlex.quote(str(params['purpose']))}" if params.get("purpose") else ""
            return f"modemfarm consent grant {number}{purpose} --method METHOD --wording TEXT"
        case "opted_out":
            return f"modemfarm suppress remove {number}"
    return None


def for_many(slug: str, params: Mapping[str, object]) -> str | None:
    """The same for a whole list, where one command opens it; None where each person is another question."""
    match slug:
        case "consent_missing":
            purpose = f" --purpose {shlex.quote(str(params['purpose']))}" if params.get("purpose") else ""
            return f"modemfarm consent import FILE --method METHOD --wording TEXT --since DAY --until DAY{purpose}"
        case "profile" | "signature_missing":
            return command(slug, "", params)
    return None
