"""The farm as the page shows it: a tile per modem with its SIM, and the one line that says it all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from modemfarm import wording
from modemfarm.store import devices, pins
from modemfarm.webapp.words import Words

SHAPES = {"working": "●", "starting": "◌", "recovering": "↻", "needs_you": "▲", "paused": "‖", "gone": "✕"}
_ORDER = ("needs_you", "recovering", "starting", "working", "paused", "gone")
_LONGEST_NAME = 26
_WARNED_FOR = timedelta(days=1)
_BARS_DBM = (-105, -95, -85, -75)  # one bar from each of these upwards


@dataclass(frozen=True, slots=True)
class Tile:
    """One modem with its SIM, or a SIM without a modem.

    Attributes:
        bars: 0–4; None when the modem does not tell.
        button: what a person can do here: ``resume_sim``, ``allow_device``, ``enter_pin`` or "".
        href: its own page.
        warning: of power or heat, what mends it, and how long ago.
    """

    number: int
    title: str
    state: str
    shape: str
    word: str
    sentence: str
    action: str
    phone: str
    operator: str
    bars: int | None
    signal_dbm: int | None
    used: int
    limit: int | None
    last: str
    place: str
    iccid: str | None
    modem: str | None
    button: str
    href: str
    warning: tuple[str, str, str] | None = None
    credit: str = ""  # that it is low
    host: str = ""  # where there is more than one
    asks: int = 0  # so many people this month that a person is asked whether to go on


def bars(signal_dbm: int | None) -> int | None:
    """Signal bars, 0–4."""
    return None if signal_dbm is None else sum(signal_dbm >= step for step in _BARS_DBM)


def natural(path: str) -> list[tuple[int, str]]:
    """A key that sorts ttyUSB2 before ttyUSB10."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", path) if piece]


def tiles(
    modems: Sequence[dict[str, Any]],
    sims: Sequence[dict[str, Any]],
    words: Words,
    last_cards: Mapping[tuple[str, str], str],
) -> list[Tile]:
    """Every tile, what needs a person first.

    Args:
        last_cards: the card last seen in each modem, by host and path: one that waits for its PIN often tells no ICCID.
    """
    cards = {sim["iccid"]: sim for sim in sims}
    held: set[str] = set()
    found: list[Tile] = []
    ordered = sorted(modems, key=lambda item: (item["host"] or "", natural(item["path"])))
    several = len({modem["host"] for modem in modems}) > 1
    alive = {modem["iccid"] for modem in ordered if modem["state"] != "gone"}
    for number, modem in enumerate(ordered, 1):
        locked = modem["sentence"] in pins.WANTED
        guess = modem["params"].get("iccid") or last_cards.get((modem["host"], modem["path"])) if locked else None
        card = cards.get(modem["iccid"] or guess or "")
        if modem["state"] == "gone" and modem["iccid"] in alive:
            card = None  # the card moved on to another modem
        if card is not None:
            held.add(card["iccid"])
        tile = _modem_tile(number, modem, card, words)
        found.append(replace(tile, host=modem["host"] or "") if several else tile)
    for number, sim in enumerate((sim for sim in sims if sim["iccid"] not in held), len(ordered) + 1):
        found.append(_sim_tile(number, sim, words))
    return sorted(found, key=lambda tile: (_ORDER.index(tile.state), tile.number))


def _modem_tile(number: int, modem: dict[str, Any], sim: dict[str, Any] | None, words: Words) -> Tile:
    state = modem["state"]
    sentence = words.say(f"modem.{modem['sentence']}", modem["params"])
    action = words.say(f"action.{modem['next_action']}", modem["params"]) if modem["next_action"] else ""
    button = "allow_device" if modem["sentence"] == devices.OFFERED else ""
    if modem["sentence"] in pins.WANTED:
        button = "enter_pin"
    if sim is not None and sim["state"] in {"paused", "parked"} and state in {"working", "needs_you", "starting"}:
        state = "paused" if sim["state"] == "paused" else "needs_you"
        sentence, action, button = sim_sentence(sim, words), sim_action(sim, words), "resume_sim"
    name = device_name(modem["manufacturer"], modem["model"]) or modem["family"] or ""
    if modem["path"].startswith(devices.PREFIX):
        name = str(modem["params"].get("name", ""))
    short = modem["path"].rsplit("/", 1)[-1]
    signal = modem["signal_dbm"] if modem["state"] in {"working", "paused", "needs_you"} else None
    return Tile(
        number=number,
        title=(sim and sim["label"]) or name or short,
        state=state,
        shape=SHAPES[state],
        word=words.say(f"modem_state.{state}"),
        sentence=sentence,
        action=action,
        phone=words.masked(sim["number"]) if sim else "",
        operator=" · ".join(item for item in (modem["operator"], modem["technology"]) if item),
        bars=bars(signal),
        signal_dbm=signal,
        used=(sim["used"]["day"] or 0) if sim else 0,
        limit=sim["limits"]["day"] if sim else None,
        last=words.ago(modem["last_success_at"] or (sim["last_success_at"] if sim else None)),
        place=f"{name} · {short}" if sim and sim["label"] and name else short,
        iccid=sim["iccid"] if sim else None,
        modem=modem["id"],
        button=button,
        href="/modems/" + quote(modem["id"].lstrip("/"), safe="/@:"),
        warning=warning(modem, words),
        asks=sim["used"]["recipients"] if sim and sim["asks"] and sim["state"] == "active" else 0,
        credit=low_credit(sim, words) if sim else "",
    )


def warning(modem: dict[str, Any], words: Words) -> tuple[str, str, str] | None:
    """A modem's fresh warning of power or heat, what mends it, how long ago; None without one."""
    at = modem["warned_at"]
    if not modem["warning"] or at is None or words.now - datetime.fromisoformat(at) > _WARNED_FOR:
        return None
    slug = modem["warning"]
    return words.say(f"power.{slug}"), words.say(f"power_fix.{slug}"), words.ago(at)


def low_credit(sim: dict[str, Any], words: Words) -> str:
    """That a SIM's credit is low, and what mends it; "" where it is not, or nobody knows."""
    if not sim.get("low_balance"):
        return ""
    return words.page("low_credit", balance=f"{sim['balance']:g}", currency=sim["currency"] or "")


def device_name(manufacturer: str | None, model: str | None) -> str:
    """What people call a modem: ``SIMCOM_Ltd`` and ``SIMCOM_SIM800`` are a SIMCOM SIM800."""
    maker = re.split(r"[_\s,]", (manufacturer or "").strip())[0]
    kind = re.sub(r"[_\s]+", " ", model or "").strip()
    if maker.islower():
        maker = maker.capitalize()
    name = kind if kind.lower().startswith(maker.lower()) else f"{maker} {kind}".strip()
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def _sim_tile(number: int, sim: dict[str, Any], words: Words) -> Tile:
    return Tile(
        number=number,
        title=sim["label"] or f"SIM …{sim['iccid'][-5:]}",
        state="gone",
        shape=SHAPES["gone"],
        word=words.say("sim_state.absent"),
        sentence=words.say("sim.absent"),
        action=words.say("action.insert_sim"),
        phone=words.masked(sim["number"]),
        operator=sim["operator"] or "",
        bars=None,
        signal_dbm=None,
        used=sim["used"]["day"] or 0,
        limit=sim["limits"]["day"],
        last=words.ago(sim["last_success_at"]),
        place=f"…{sim['iccid'][-5:]}",
        iccid=sim["iccid"],
        modem=None,
        button="",
        href=f"/sims/{sim['iccid']}",
    )


def sim_sentence(sim: dict[str, Any], words: Words) -> str:
    """The one sentence of a SIM: its reason's own, else its state's."""
    reason = sim["reason"]
    slug = f"sim.{reason}" if reason and wording.known(f"sim.{reason}") else f"sim.{sim['state']}"
    return words.sim(slug, sim["reason_params"])


SIM_ACTIONS = {
    "sim_bare_error": "look_at_unknown",
    "no_credit": "top_up",
    "sim_barred": "ask_operator",
    "not_subscribed": "ask_operator",
    "not_registered": "check_antenna",
    "roaming": "allow_roaming",
    "sim_refused": "ask_operator",
    "operator_block": "ask_operator",
    "operator_refusal": "ask_operator",
    "sim_unusable": "ask_operator",
    "sim_uncertain": "look_at_unknown",
    "pin_wanted": "enter_pin",
    "pin_failed": "correct_pin",
    "puk": "unlock_in_phone",
    "no_registration": "ask_operator",
    "paused_by_you": "resume_sim",
    "absent": "insert_sim",
}
_BY_STATE = {"paused": "resume_sim", "parked": "look_at_unknown", "absent": "insert_sim"}


def sim_action_slug(state: str, reason: str | None) -> str:
    """What a person does about a SIM in this state; "" for nothing."""
    return SIM_ACTIONS.get(reason or "", _BY_STATE.get(state, ""))


def sim_action(sim: dict[str, Any], words: Words) -> str:
    """The next action of a SIM in words."""
    slug = sim_action_slug(sim["state"], sim["reason"])
    return words.say(f"action.{slug}") if slug else ""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of the one line; `mood` is ok, busy or alarm."""

    text: str
    href: str = ""
    mood: str = ""


def line(
    shown: Sequence[Tile], stats: dict[str, Any], finish: str | None, trouble: str | None, words: Words
) -> list[Phrase]:
    """The whole truth in one sentence: working, waiting with forecast, what needs a person."""
    if trouble:
        return [Phrase(words.say(f"trouble.{trouble}"), mood="alarm")]
    phrases = []
    if any(pause["scope"] == "all" for pause in stats["pauses"]):
        phrases.append(Phrase(words.say("line.paused"), mood="alarm"))
    if stats["restored"]:
        phrases.append(Phrase(words.say("line.restored", n=stats["restored"]), "/messages?state=held", "alarm"))
    phrases.append(_working(shown, words))
    waiting = stats["waiting"]
    there = f"/messages?state=queued,sending{',held' if stats['without_sim'] else ''}"
    if not waiting:
        phrases.append(Phrase(words.say("line.waiting_none")))
    elif finish and not stats["without_sim"]:  # of what no SIM may take nobody knows when it leaves
        phrases.append(Phrase(words.say("line.waiting_done", n=waiting, time=finish), there))
    else:
        phrases.append(Phrase(words.say("line.waiting", n=waiting), there))
    needs = sum(tile.state == "needs_you" or bool(tile.credit) for tile in shown)
    undecided = [state for state, n in (("unknown", stats["queue"]["unknown"]), ("held", stats["without_sim"])) if n]
    if needs or undecided:
        href = "/#modems" if needs else f"/messages?state={','.join(undecided)}"
        phrases.append(Phrase(words.say("line.needs", n=needs + len(undecided)), href, "alarm"))
    elif all(tile.state == "working" for tile in shown if tile.button != "allow_device") and shown:
        phrases.append(Phrase(words.say("line.needs_none")))
    return phrases


def _working(shown: Sequence[Tile], words: Words) -> Phrase:
    modems = [tile for tile in shown if tile.modem is not None and tile.button != "allow_device"]
    working = sum(tile.state == "working" for tile in modems)
    if not modems:
        return Phrase(words.say("line.no_modems"), mood="busy")
    if working == len(modems):
        return Phrase(words.say("line.working_all", n=working), mood="ok")
    if not working:
        return Phrase(words.say("line.working_none"), mood="alarm")
    return Phrase(words.say("line.working_some", k=working, n=len(modems)), mood="busy")
