"""What may stand in Latin letters on a Chinese or Russian page; all else was left untranslated."""

from __future__ import annotations

import re

# Names, units, and what is typed as it stands.
_ALLOWED = """
modemfarm demo shop EN API USSD SIM PIN PUK SMS CSV GSM UCS IMEI IMSI ICCID dBm USB LTE JSON NDJSON UTF MiB GiB min
TOTP QR HTTP HTTPS TLS DNS Excel WPS Windows GB Webhook webhook Webhooks webhooks config yaml
kill Asia Shanghai zh login run install test set policy alerts audit list plans sims max opt out rate names http
Huawei SIMCOM WAVECOM MULTIBAND Quectel EC CHINA MOBILE China Mobile dialout udev ModemManager timedatectl ntp true
NTP UTC schema daemon TD people csv
"""
ALLOWED = frozenset(_ALLOWED.split())
# What is not ours to translate: texts of people, names of people and things, what is typed, other languages.
_OTHERS = (
    "code, pre, blockquote, body [lang], .theirs p, .mine p, .bubble, .words, .place, .num, .said-list, .facts dd, .chip,"
    " textarea, .audit td:nth-child(2), .audit td:nth-child(4), .checks b"
)
SAID = f"""
const found = [document.title], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {{
  const element = walk.currentNode.parentElement;
  if (element.checkVisibility() && !element.closest("script, style, {_OTHERS}"))
    found.push(walk.currentNode.textContent.trim());
}}
for (const name of ["aria-label", "placeholder", "title", "alt"])
  for (const element of document.body.querySelectorAll(`[${{name}}]`))
    if (!element.closest("[lang]:not(html)")) found.push(element.getAttribute(name));
return found.filter(Boolean);
"""
_CODE = re.compile(r"`[^`]*`|https?://\S+|(?<!\w)/\S+|\{\w+\}")
_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]*[A-Za-z]")


def foreign(texts: list[str], lang: str, known: frozenset[str] = frozenset()) -> list[str]:
    """Pieces of a page in `lang` that are in English, or are a slug in any language."""
    found = []
    for text in texts:
        words = _WORD.findall(_CODE.sub(" ", text))
        strange = [word for word in words if (lang != "en" or "_" in word) and not _ours(word, known)]
        if strange:
            found.append(f"{', '.join(strange)} in {text[:80]!r}")
    return found


def _ours(word: str, known: frozenset[str]) -> bool:
    return all(piece in ALLOWED or piece in known for piece in re.split(r"[-._]", word))
