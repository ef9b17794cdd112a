"""The one sentence for everything a modem can be doing, and what a person should do about it: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modemfarm.model import ModemState


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    Attributes:
        state: the state it belongs to.
        text: English, with `{param}` places.
        next_action: slug of `ACTIONS`; "" when nothing is to be done.
        params: the places' names.
    """

    state: ModemState
    text: str
    next_action: str = ""
    params: tuple[str, ...] = ()


ACTIONS: Mapping[str, str] = {
    "plug_in": "Plug the modem in again, or check its cable and hub.",
    "check_cable": "Check the cable, and that the hub has a power supply of its own, strong enough for all modems.",
    "close_other_program": "Stop the program that uses this port, for example ModemManager.",
    "check_port_rights": "Give the daemon's user access to the port, for example by the group dialout.",
    "insert_sim": "Insert a SIM card.",
    "enter_pin": "Enter the SIM's PIN on the page or in config.yaml.",
    "correct_pin": "Correct the SIM's PIN, on the page or in config.yaml; it is not tried again by itself.",
    "restore_key": "Put the old secret.key back into the state directory, or enter the PIN again.",
    "unlock_in_phone": "Put the SIM into a phone and unlock it there.",
    "check_antenna": "Check the antenna and the coverage at this place.",
    "ask_operator": "Ask the operator whether this SIM is active and may register.",
    "check_sim": "Look at the SIM's page for the reason, then resume it.",
    "power_cycle": "Take the modem's power away for ten seconds; check its power supply.",
    "remove_one": "Leave one port of this modem in modems.ports, or wait until the other one is gone.",
    "empty_store": "Delete the messages with the SIM in a phone; if they come back, replace the SIM.",
    "report": "Send the log to the developers.",
    "allow_device": "If it is a modem, allow it: `modemfarm modems allow`. If not, name it in modems.ignore.",
    "leave_network_mode": "Switch the stick to serial mode, or use another stick.",
    "leave_disc_mode": "Install usb_modeswitch, then plug the stick in again.",
    "leave_download_mode": "Take its power away for ten seconds; if it comes back like this, its firmware is damaged.",
    "load_driver": "Load the driver: `modprobe option`. Some systems need their extra kernel modules installed.",
    "remove_brltty": "Remove brltty, which takes such devices for braille displays, then plug it in again.",
    "name_port": "Name the right port in modems.ports.",
}

_S, _W, _R, _N, _G = (
    ModemState.STARTING,
    ModemState.WORKING,
    ModemState.RECOVERING,
    ModemState.NEEDS_YOU,
    ModemState.GONE,
)

_PIN = ("left", "iccid")
_NAME, _PORTS = ("name", "id"), ("name", "id", "ports")

SENTENCES: Mapping[str, Sentence] = {
    "opening": Sentence(_S, "The port is being opened."),
    "listening": Sentence(
        _S, "Listening for the result of the last message before anything is sent.", "", ("seconds",)
    ),
    "waking": Sentence(_S, "Waiting for the modem's first answer."),
    "identifying": Sentence(_S, "The modem answers; asking what it is."),
    "starting_radio": Sentence(_S, "The radio is being switched on."),
    "waiting_for_sim": Sentence(_S, "Waiting for the SIM card."),
    "setting_up": Sentence(_S, "Choosing message stores and notifications."),
    "sweeping": Sentence(_S, "Reading the messages that lie on the SIM and in the modem."),
    "searching": Sentence(_S, "Looking for the network.", "", ("seconds",)),
    "ready": Sentence(_W, "Ready."),
    "ready_without_reports": Sentence(_W, "Ready; this modem brings no delivery reports."),
    "resting": Sentence(
        _R, "Sending is refused ({code}, in a row: {count}); resting until {until}.", "", ("code", "count", "until")
    ),
    "resyncing": Sentence(_R, "An answer was missing; getting in step with the modem again."),
    "repairing_reinit": Sentence(
        _R, "Starting over with the modem ({cause}). If that does not help: its radio off and on.", "", ("cause",)
    ),
    "repairing_radio": Sentence(
        _R, "Switching the radio off and on ({cause}). If that does not help: a restart.", "", ("cause",)
    ),
    "repairing_reset": Sentence(
        _R,
        "Restarting the modem ({cause}). If that does not help: the port is opened anew, ever more seldom.",
        "",
        ("cause",),
    ),
    "repairing_reopen": Sentence(_R, "Trying again in {seconds} s ({cause}).", "power_cycle", ("cause", "seconds")),
    "restarted": Sentence(_R, "The modem restarted by itself; setting it up again."),
    "settings_lost": Sentence(_R, "The modem forgot its settings; setting it up again."),
    "sim_changed": Sentence(_R, "The SIM is another one, or wants its PIN again; setting the modem up."),
    "console_used": Sentence(_R, "A setting was changed by hand on the console; setting the modem up again."),
    "reset_by_person": Sentence(_R, "Restarting the modem because a person asked for it."),
    "port_busy": Sentence(_N, "Another program uses this port: {what}.", "close_other_program", ("what",)),
    "port_refused": Sentence(_N, "The port cannot be opened: {what}.", "check_port_rights", ("what",)),
    "sim_absent": Sentence(_N, "There is no SIM card in the modem.", "insert_sim"),
    "sim_failure": Sentence(_N, "The SIM card cannot be read: {what}.", "insert_sim", ("what",)),
    "pin_unknown": Sentence(_N, "The SIM wants its PIN; {left} tries left.", "enter_pin", _PIN),
    "pin_blocked": Sentence(
        _N,
        "The SIM's PIN was tried before and did not open it; it is not tried again. Tries left: {left}.",
        "correct_pin",
        _PIN,
    ),
    "pin_sealed": Sentence(
        _N,
        "The SIM's PIN cannot be used: its key file is missing or another one. Tries left: {left}.",
        "restore_key",
        _PIN,
    ),
    "pin_counter_unreadable": Sentence(
        _N, "The SIM wants a PIN, but its remaining tries cannot be read.", "unlock_in_phone"
    ),
    "pin_last_try": Sentence(_N, "The SIM has one try left for its PIN; it is not risked.", "unlock_in_phone"),
    "pin_wrong": Sentence(_N, "The SIM refused its PIN; tries left: {left}.", "correct_pin", _PIN),
    "puk_wanted": Sentence(_N, "The SIM wants its PUK.", "unlock_in_phone"),
    "sim_locked": Sentence(_N, "The SIM or the modem is locked: {what}.", "ask_operator", ("what",)),
    "registration_denied": Sentence(
        _N, "The network refuses this SIM; next try in {minutes} min.", "ask_operator", ("minutes",)
    ),
    "no_network": Sentence(_R, "No network for {seconds} s.", "check_antenna", ("seconds",)),
    "sim_twice": Sentence(_N, "The port {other} serves this SIM already.", "remove_one", ("other",)),
    "sim_parked": Sentence(_N, "This SIM is parked ({reason}); receiving goes on.", "check_sim", ("reason",)),
    "store_stuck": Sentence(
        _W,
        "Ready; {count} messages in the store {memory} cannot be deleted and are left there.",
        "empty_store",
        ("memory", "count"),
    ),
    "store_full": Sentence(
        _N,
        "The store {memory} is full of messages that cannot be deleted; nothing more can be received.",
        "empty_store",
        ("memory", "count"),
    ),
    "resets_used_up": Sentence(_N, "Restarting did not help six times today.", "power_cycle"),
    "stopping": Sentence(_W, "Stopping; waiting for the result on the air."),
    "stopped": Sentence(_G, "Stopped with the daemon."),
    "gone": Sentence(_G, "The port is gone.", "plug_in"),
    "flapping": Sentence(
        _N,
        "The port comes and goes; it is served again once it has stayed for {seconds} s.",
        "check_cable",
        ("seconds",),
    ),
    "usb_possible": Sentence(
        ModemState.PAUSED, "{name} ({id}) may be a modem; it is not opened unasked: {ports}.", "allow_device", _PORTS
    ),
    "usb_network_mode": Sentence(
        _N, "{name} ({id}) is in network mode (HiLink) and has no port for messages.", "leave_network_mode", _NAME
    ),
    "usb_cdrom_mode": Sentence(_N, "{name} ({id}) still shows its install disc.", "leave_disc_mode", _NAME),
    "usb_download_mode": Sentence(_N, "{name} ({id}) waits for new firmware.", "leave_download_mode", _NAME),
    "usb_no_driver": Sentence(_N, "No driver took {name} ({id}), so it has no port.", "load_driver", _NAME),
    "usb_taken": Sentence(_N, "Another program has taken {name} ({id}) away.", "remove_brltty", _NAME),
    "usb_no_at_port": Sentence(
        _N, "None of the ports of {name} ({id}) is known to take commands: {ports}.", "name_port", _PORTS
    ),
    "failed_inside": Sentence(_R, "A fault in modemfarm itself; trying again in {seconds} s.", "report", ("seconds",)),
}

CAUSES: Mapping[str, str] = {
    "no_answer": "it does not answer",
    "init_refused": "it refuses a command it needs",
    "pdu_mode_refused": "it refuses PDU mode",
    "no_network": "it finds no network",
    "out_of_step": "its answers do not fit",
    "sending_failed": "sending failed",
    "no_prompt": "it does not ask for a message's text",
    "receiving_stalled": "it received nothing after its store had been full",
    "no_result": "it said nothing of a message it was given",
    "device": "it reports a fault of its own",
}
