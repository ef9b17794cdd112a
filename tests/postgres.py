"""A PostgreSQL cluster of a test run's own: a temporary folder, a Unix socket in it, nothing synced."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from tests.e2e.farm import free_port
from tests.needs import missing

WHY = "the store is tested on PostgreSQL too (Debian: apt-get install postgresql)"
SIZE = ("max_connections=120", "shared_buffers=32MB")
QUIET = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found:
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(versions[-1]) if versions else missing(name, WHY)


class Cluster:
    """Started when made; `url(database)` names one of its databases.

    Args:
        durable: synced, as a server that somebody uses.
        addresses: of this host, where it also listens; whoever reaches one may come in.
        primary: whose synchronous standby it becomes; None: a primary itself.
    """

    def __init__(self, *, durable: bool = False, addresses: Sequence[str] = (), primary: Cluster | None = None) -> None:
        self._pg_ctl, self._psql = _program("pg_ctl"), _program("psql")
        self._as: tuple[str, ...] = ()
        self.folder = Path(tempfile.mkdtemp(prefix="modemfarm-pg-"))
        if os.geteuid() == 0:  # the server refuses to run as root
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError:
                missing("the user postgres", WHY)
            self._as = ("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._data = str(self.folder / "data")
        if primary is None:
            words = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
            self._do(_program("initdb"), "-D", self._data, *words)
        else:
            words = ("-h", str(primary.folder), "-p", str(primary.port), "-U", "postgres", "-R", "-c", "fast", "-N")
            self._do(_program("pg_basebackup"), "-D", self._data, *words)
        self.port = free_port() if addresses else 5432
        if addresses:
            with (self.folder / "data" / "pg_hba.conf").open("a") as hba:
                hba.writelines(f"host all postgres {address}/24 trust\n" for address in addresses)
        options = " ".join(f"-c {setting}" for setting in (SIZE if durable else SIZE + QUIET))
        self._options = (
            f"-k {self.folder} -p {self.port} -c listen_addresses={','.join(addresses) or quote('')} {options}"
        )
        self.start()
        if primary is not None:
            primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.ask("SELECT pg_reload_conf()")

    def _do(self, *command: str) -> str:
        done = subprocess.run(
            [*self._as, *command], check=False, capture_output=True, text=True, cwd=self.folder, env=self._environment()
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr or done.stdout}")
        return done.stdout

    @staticmethod
    def _environment() -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}

    def create(self, database: str) -> str:
        """Make an empty database; its URL."""
        self.ask(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def ask(self, sql: str, database: str = "postgres") -> str:
        """Run one statement as the server's owner; what it printed."""
        return self._do(
            self._psql, "-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d", database, "-qAt", "-c", sql
        )  # fmt: skip

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._do(self._pg_ctl, "-D", self._data, "-w", "-l", str(self.folder / "log"), "-o", self._options, "start")

    def halt(self, mode: str = "immediate") -> None:
        """Stop the server as if it had crashed, or another way; its files stay."""
        self._do(self._pg_ctl, "-D", self._data, "-w", "-m", mode, "stop")

    def promote(self) -> None:
        """Make a standby the primary."""
        self._do(self._pg_ctl, "-D", self._data, "-w", "promote")

    def restart(self, mode: str) -> None:
        """Stop the server, ``fast`` or as if it had crashed (``immediate``), and start it again."""
        self._do(self._pg_ctl, "-D", self._data, "-w", "-m", mode, "-l", str(self.folder / "log"), "restart")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}&port={self.port}"

    @property
    def pid(self) -> int:
        """The process of which all others of this server are children."""
        return int((self.folder / "data" / "postmaster.pid").read_text("ascii").partition("\n")[0])

    @property
    def socket(self) -> Path:
        """Where it listens on this host."""
        return self.folder / f".s.PGSQL.{self.port}"

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)
