"""The six folders: every name is opened beside its own folder, and nothing but plain files is read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from modemfarm.spool.headers import BadFileError

FOLDERS = ("outgoing", "checked", "sent", "failed", "incoming", "report")
PENDING = ".pending"  # files on their way from one folder to the next
ASIDE = "out"
SMALLEST = 8  # octets: a file that was only made yet
LARGEST = 100_000
LONGEST_NAME = 180  # octets; ours are longer by what stands before them in PENDING
SETTLED_S = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """A name in outgoing/ and what lay there."""

    name: str
    device: int
    inode: int
    mtime_ns: int
    size: int
    mode: int
    links: int

    @classmethod
    def of(cls, name: str, found: os.stat_result) -> Seen:
        """As a stat tells it."""
        kept = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode, found.st_nlink)
        return cls(name, *kept)

    def identity(self, content: bytes) -> str:
        """Device, inode, mtime, size and content."""
        told = f"{self.device}:{self.inode}:{self.mtime_ns}:{self.size}:".encode()
        return hashlib.sha256(told + content).hexdigest()

    def is_same(self, other: Seen) -> bool:
        """Whether it is that file, unchanged; its name does not count."""
        mine, theirs = (
            (item.device, item.inode, item.mtime_ns, item.size, stat.S_IFMT(item.mode)) for item in (self, other)
        )
        return mine == theirs


class Watch:
    """Says which files of outgoing/ nobody writes to any more."""

    def __init__(self) -> None:
        self._since: dict[Seen, float] = {}

    def settled(self, folders: Folders) -> list[Seen]:
        """Files that stayed as they are for half a second, oldest first."""
        now = time.monotonic()
        seen = folders.outgoing()
        self._since = {file: self._since.get(file, now) for file in seen}
        ready = [file for file, since in self._since.items() if now - since >= SETTLED_S]
        return sorted(ready, key=lambda file: (file.mtime_ns, file.name))


class Folders:
    """The folders of one spool directory, open; made where they are missing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, int] = {}

    def __enter__(self) -> Self:
        for name in (*FOLDERS, PENDING):
            (self.root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                self._open[name] = os.open(self.root / name, flags)
            except OSError:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def outgoing(self) -> list[Seen]:
        """What lies in outgoing/ and is meant for us."""
        found = []
        self._refuse_unmovable()
        with os.scandir(self._open["outgoing"]) as entries:
            names = [entry.name for entry in entries]
        locked = {name.removesuffix(".LOCK") for name in names if name.endswith(".LOCK")}
        for name in names:
            if name.startswith((".", "LOCKED")) or name.endswith(".LOCK") or name in locked:
                continue
            with contextlib.suppress(FileNotFoundError):
                seen = Seen.of(name, os.stat(name, dir_fd=self._open["outgoing"], follow_symlinks=False))
                if not stat.S_ISDIR(seen.mode) and not (stat.S_ISREG(seen.mode) and seen.size < SMALLEST):
                    found.append(seen)
        return found

    def _refuse_unmovable(self) -> None:
        """A file that was sent and cannot be taken away would stay for ever: sooner none is taken.

        Raises:
            PermissionError: outgoing/ is not ours to move files from.
        """
        here, user = os.fstat(self._open["outgoing"]), os.geteuid()
        sticky = bool(here.st_mode & stat.S_ISVTX) and user not in {0, here.st_uid}
        if sticky or not os.access(self.root / "outgoing", os.W_OK | os.X_OK):
            raise PermissionError(f"files cannot be moved out of outgoing/: make it belong to user {user}")

    def read(self, seen: Seen, folder: str = "outgoing") -> bytes:
        """The content of a plain file that has one name.

        Raises:
            BadFileError: it is none, is too large, or may not be read.
            FileNotFoundError: it is not there any more, or another is.
        """
        if not stat.S_ISREG(seen.mode):
            raise BadFileError("it is a link, a pipe, a socket or a device: only plain files are taken")
        if seen.links > 1:
            raise BadFileError("it has another name (a hard link): write elsewhere, then rename it in")
        if seen.size > LARGEST:
            raise BadFileError(f"it is longer than {LARGEST} octets")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(seen.name, flags, dir_fd=self._open[folder])
        except FileNotFoundError:
            raise
        except OSError as error:
            raise BadFileError(f"it cannot be read: {error.strerror}") from None
        with os.fdopen(handle, "rb") as file:
            if not Seen.of(seen.name, os.fstat(handle)).is_same(seen):
                raise FileNotFoundError(seen.name)
            return file.read(LARGEST + 1)

    def take_aside(self, seen: Seen, aside: str) -> bool:
        """Move a file out of outgoing/ into PENDING; False where another lies there by now, which stays."""
        with contextlib.suppress(FileNotFoundError):
            os.rename(
                seen.name, aside, src_dir_fd=self._open["outgoing"], dst_dir_fd=self._open[PENDING]
            )  # whatever bears the name: looked at where nobody else can change it
            found = Seen.of(seen.name, os.stat(aside, dir_fd=self._open[PENDING], follow_symlinks=False))
            if found.is_same(seen):
                return True
            self.place(aside, "outgoing", seen.name)
        return False

    def write_pending(self, pending: str, content: bytes) -> None:
        """A file in PENDING, whole and on the disk; the folder itself is synced by `sync`."""
        self.drop(pending)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(pending, flags, 0o660, dir_fd=self._open[PENDING])
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)

    def sync(self) -> None:
        """PENDING's names are on the disk."""
        os.fsync(self._open[PENDING])

    def place(self, pending: str, folder: str, name: str) -> str:
        """Move a file from PENDING; its name there, another where that is taken."""
        free = self.free_name(folder, name)
        os.rename(pending, free, src_dir_fd=self._open[PENDING], dst_dir_fd=self._open[folder])
        return free

    def free_name(self, folder: str, name: str) -> str:
        """The name, or one like it that nothing bears."""
        free = name
        while self._exists(folder, free):
            free = f"{name}.{secrets.token_hex(3)}"
        return free

    def _exists(self, folder: str, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._open[folder], follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def pending(self) -> list[str]:
        """What a killed daemon left on its way."""
        with os.scandir(self._open[PENDING]) as entries:
            return sorted(entry.name for entry in entries)

    def look(self, folder: str, name: str) -> Seen | None:
        """What lies there."""
        try:
            return Seen.of(name, os.stat(name, dir_fd=self._open[folder], follow_symlinks=False))
        except FileNotFoundError:
            return None

    def drop(self, name: str, folder: str = PENDING) -> None:
        """Remove a name; one that is gone is no fault."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._open[folder])


def entries(names: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """(entry, folder, id, name) of what lies in PENDING."""
    for entry in names:
        folder, _, rest = entry.partition(".")
        number, _, name = rest.partition(".")
        if name:
            yield entry, folder, number, name


def printable(name: str) -> str:
    """A file's name as it may stand in another folder, in a header and in the database."""
    shown = "".join(char if char.isprintable() and not "\ud800" <= char <= "\udfff" else "_" for char in name)
    while len(shown.encode()) > LONGEST_NAME:
        shown = shown[:-1]
    return shown or "_"
