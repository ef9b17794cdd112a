"""A file that somebody brought to the page, as messages: read, foreseen, and taken in once by a thread of its own."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from modemfarm.errors import ModemfarmError
from modemfarm.intake.bulk import Bulk
from modemfarm.intake.mapping import parse_map, quoted
from modemfarm.intake.people import filler
from modemfarm.intake.rows import Row, at_least_one, read_first, read_rows
from modemfarm.intake.tables import is_headless, is_number
from modemfarm.model import mask
from modemfarm.store import batches
from modemfarm.store.engine import Tx
from modemfarm.webapp.settings import WebDeps
from modemfarm.webapp.uploads import Upload, Uploads

log = logging.getLogger(__name__)

_running: set[int] = set()  # batches whose thread lives in this process; the rows of another's are written once too
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked with a file; everything but `again` decides which file it is.

    Attributes:
        to_column, text_column: as a map names them; "" goes by the name.
    """

    template: str = ""
    message_class: str = ""
    purpose: str = ""
    send_at: str = ""
    encoding: str = ""
    to_column: str = ""
    text_column: str = ""
    again: bool = False

    def rows(self, upload: Upload, send_at: datetime | None, farm: WebDeps) -> Iterator[Row]:
        """The rows of the file.

        Raises:
            BadFieldError: the file as a whole cannot be read.
        """
        defaults: dict[str, Any] = {"message_class": self.message_class or None, "purpose": self.purpose or None}
        if send_at is not None:
            defaults["send_at"] = send_at
        found = read_rows(
            upload.octets,
            encoding=self.encoding or None,
            template=self.template or None,
            defaults={name: value for name, value in defaults.items() if value is not None},
            zone=farm.zone,
            known=filler(farm.store.look, farm.intake),
            columns=parse_map([f"{field}={column}" for field, column in self._told().items()]),
        )
        return at_least_one(found)

    def _told(self) -> dict[str, str]:
        """Field -> its column, where the person chose one."""
        chosen = {"to": self.to_column, "text": self.text_column}
        return {field: column for field, column in chosen.items() if column}

    def print(self, upload: Upload, token: str) -> str:
        """By what the same file, asked for the same way, is known again; one that is sent again has its own."""
        asked = {**asdict(self), "again": False}
        asked = {name: value for name, value in asked.items() if value or not name.endswith("_column")}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode() + b"\n" + upload.octets).hexdigest()
        return f"page:{digest}:{token}" if self.again else f"page:{digest}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a person may choose.

    Attributes:
        value: as a map names it.
        name: as a template names it.
        sample: what its first line holds, numbers masked, where that is no line of names; "" elsewhere.
    """

    value: str
    name: str
    sample: str = ""


def columns(upload: Upload, encoding: str) -> list[Column]:
    """The columns of a file.

    Raises:
        BadFieldError: the file as a whole cannot be read.
    """
    first = read_first(upload.octets, encoding or None)
    if is_headless(first):
        samples = [mask(cell.strip()) if is_number(cell) else cell.strip() for cell in first]
        return [Column(f"#{place}", f"#{place}", sample) for place, sample in enumerate(samples, 1)]
    return [Column(quoted(name), name.strip()) for name in first if name.strip()]


def begin(tx: Tx, name: str, mark: str, now: datetime) -> int:
    """The batch of a file: a new one, or the one that this file is already."""
    known = batches.same_file(tx, mark, now)
    return int(known["id"]) if known is not None else batches.start(tx, name, mark, now)


def go_on(batch_id: int, mark: str, upload: Upload, asked: Asked, send_at: datetime | None, farm: WebDeps) -> bool:
    """Take the file's rows in, in a thread, from where it was broken off; False: that is going on."""
    with _lock:
        if batch_id in _running:
            return False
        _running.add(batch_id)
    work = (batch_id, mark, upload, asked, send_at, farm)
    threading.Thread(target=_take, args=work, name=f"batch {batch_id}", daemon=True).start()
    return True


def is_running(batch_id: int) -> bool:
    """Whether rows of it are being taken in."""
    with _lock:
        return batch_id in _running


def _take(batch_id: int, mark: str, upload: Upload, asked: Asked, send_at: datetime | None, farm: WebDeps) -> None:
    bulk = Bulk(farm.offload_call, farm.intake, farm.clock.now, progress=lambda _count: farm.wake())
    try:
        bulk.take(asked.rows(upload, send_at, farm), name=upload.name, fingerprint=mark)
    except ModemfarmError as error:
        log.warning("batch %d stopped: %s", batch_id, error)  # its page offers to go on
    except Exception:
        log.exception("batch %d failed inside", batch_id)
    finally:
        with _lock:
            _running.discard(batch_id)
        farm.wake()


def kept(batch_id: int, farm: WebDeps) -> tuple[Upload, Asked, str] | None:
    """The file of a batch as long as it is kept, what was asked with it, and its fingerprint."""
    uploads = Uploads(farm.state_dir)
    upload = uploads.read(uploads.of_batch(batch_id), farm.clock.now())
    if upload is None:
        return None
    about: Mapping[str, Any] = upload.about
    return upload, Asked(**about["asked"]), str(about["mark"])
