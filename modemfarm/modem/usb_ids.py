"""Which USB ids are modems, which are bridges that may hide one, and which name a device that cannot serve yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from modemfarm.modem.family import Profiles, Usb

# Serial bridges (driver sources of Linux 6.12: ftdi_sio, ch341, cp210x, pl2303, cdc-acm; vendor drivers of WCH).
# Scales, fiscal printers and boards of all kinds hang on the same ones: none is opened unasked.
BRIDGES: Mapping[str, str] = MappingProxyType(
    {
        "0403:6001": "FTDI FT232",
        "0403:6010": "FTDI FT2232",
        "0403:6011": "FTDI FT4232",
        "0403:6014": "FTDI FT232H",
        "0403:6015": "FTDI FT-X",
        "0403:6048": "FTDI FT4232HA",
        "1a86:7523": "CH340",
        "1a86:7522": "CH340",
        "1a86:5523": "CH341",
        "4348:5523": "CH341",
        "1a86:55d2": "CH342",
        "1a86:55d3": "CH343",
        "1a86:55d5": "CH344",
        "1a86:55d4": "CH9102",
        "1a86:55d7": "CH9103",
        "1a86:55df": "CH9104",
        "1a86:55d6": "CH9143",
        "1a86:55d9": "CH348",
        "1a86:e018": "CH9344",
        "10c4:ea60": "CP210x",
        "10c4:ea61": "CP210x",
        "10c4:ea63": "CP210x",
        "10c4:ea70": "CP2105",
        "10c4:ea71": "CP2108",
        "067b:2303": "PL2303",
        "067b:0609": "PL2303",
        "067b:0611": "PL2303",
        "067b:0612": "PL2303",
        "067b:23a3": "PL2303",
        "067b:23b3": "PL2303",
        "067b:23c3": "PL2303",
        "067b:23d3": "PL2303",
        "067b:23e3": "PL2303",
        "067b:23f3": "PL2303",
    }
)

# Boot loaders and install discs that are no family's own (usb-modeswitch-data 20191128; Linux qcserial.c).
STRANGERS: Mapping[str, str] = MappingProxyType(
    {"05c6:9008": "flash", "05c6:900e": "flash", "0e8d:2000": "flash", "1199:9070": "flash", "05c6:1000": "cdrom"}
)

# A profile's word for a mode without a serial port -> the sentence about it.
_USELESS = {"hilink": "usb_network_mode", "cdrom": "usb_cdrom_mode", "flash": "usb_download_mode"}


@dataclass(frozen=True, slots=True)
class UsbIds:
    """The USB ids of every known modem family.

    Attributes:
        known: ``vid:pid`` -> what the family's profile says of it.
        protocols: vendor -> role by ``subclass/protocol``, for sticks of that vendor that no profile lists yet.
    """

    known: Mapping[str, Usb]
    protocols: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, profiles: Profiles) -> UsbIds:
        """What all profiles say; a bridge named by one is still a bridge."""
        known: dict[str, Usb] = {}
        protocols: dict[str, dict[str, str]] = {}
        for profile in (*profiles.families, profiles.generic):
            for usb in profile.usb:
                for usb_id in usb.ids:
                    if usb_id not in BRIDGES:
                        known.setdefault(usb_id, usb)
                    protocols.setdefault(usb_id[:4], {}).update(usb.protocols)
        return cls(known, protocols)

    def useless(self, usb_id: str) -> str | None:
        """The sentence about an id that has no serial port by its mode; None for all others."""
        usb = self.known.get(usb_id)
        return _USELESS.get(STRANGERS.get(usb_id, "") or (usb.mode if usb is not None else ""))

    def makes_modems(self, usb_id: str) -> bool:
        """Whether any family has this vendor."""
        return usb_id[:4] in self.protocols
