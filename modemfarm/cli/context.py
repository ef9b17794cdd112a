"""What commands share: the configuration and the database, opened when first asked for."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import click

from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import note, sentence
from modemfarm.cli.remote import Remote
from modemfarm.config.find import NoConfigError
from modemfarm.config.load import Config, load
from modemfarm.errors import ConfigError
from modemfarm.store import hosts, migrations
from modemfarm.store.disk import is_read_only
from modemfarm.store.engine import Store
from modemfarm.store.wake import wake

P = ParamSpec("P")
R = TypeVar("R")


def now() -> datetime:
    """The machine's clock, UTC."""
    return datetime.now(UTC)


class Farm:
    """The farm that a command speaks of."""

    def __init__(self, config_file: Path | None, environ: Mapping[str, str], cwd: Path) -> None:
        self.config_file = config_file
        self.environ = environ
        self.cwd = cwd
        self._config: Config | None = None

    @property
    def config(self) -> Config:
        """The configuration.

        Raises:
            NoConfigError, ConfigError
        """
        if self._config is None:
            self._config = load(self.config_file, self.environ, self.cwd)
        return self._config

    @property
    def zone(self) -> tzinfo | None:
        """The farm's time zone; None where its configuration is elsewhere or wrong."""
        try:
            return ZoneInfo(self.config.zone)
        except (ConfigError, OSError):
            return None

    def store(self, *, create: bool = False, older_ok: bool = False) -> Store:
        """The database, of this version's schema.

        Args:
            create: make it, or bring it up to date, where needed; else it must be there.
            older_ok: take it as an older version left it, too.

        Raises:
            ConfigError, StoreError
        """
        store = Store(self.config.database, self.config.state_dir, brief=True)
        try:
            there = store.exists()
        except OSError as error:
            what = sentence("refusal.not_reached", name=store.file, what=error.strerror)
            raise CliError(what, Exit.UNREACHABLE) from error
        if create:
            migrations.upgrade(store, now())
        elif not there:
            raise CliError(sentence("refusal.no_database", file=store.file), Exit.UNREACHABLE)
        else:
            migrations.check(store, older_ok=older_ok)
        for path in tighten(self.config.state_dir, store.file):
            note(sentence("said.tightened", path=path))
        return store

    def remote(self) -> Remote | None:
        """The HTTP API to use instead, when this user may not use the database and MODEMFARM_URL names it.

        Raises:
            CliError: no rights, and no API either.
            ConfigError: the configuration is there and wrong.
        """
        url = self.environ.get("MODEMFARM_URL")
        try:
            refused = self._refused(to_write=bool(url))
        except NoConfigError:
            if not url:
                raise
            refused = "no configuration"
        if refused is None:
            return None
        if not url:
            raise CliError(sentence("refusal.no_rights", path=refused), Exit.UNREACHABLE)
        return Remote(url, self.environ.get("MODEMFARM_KEY", ""))

    def _refused(self, *, to_write: bool) -> str | None:
        """What this user may not use; None when all is open.

        Args:
            to_write: also where nobody may; else a read-only disk is there to be read, and the store refuses to write.
        """
        store = Store(self.config.database, self.config.state_dir)
        if store.file is None:
            return None
        try:
            write = os.W_OK if to_write or not is_read_only(store.file) else 0
            if store.file.exists():
                return None if os.access(store.file, os.R_OK | write) else str(store.file)
        except PermissionError:
            return str(store.file.parent)
        folder = next(path for path in store.file.parents if path.exists())
        return None if os.access(folder, write | os.X_OK) else str(folder)

    def committed(self, store: Store) -> None:
        """Tell the daemon that there is something to do; say so when there is none."""
        if wake(self.config.state_dir):
            return
        if not store.look(hosts.alive, now()):
            note(sentence("way.no_daemon"))


def tighten(folder: Path, file: Path | None) -> list[Path]:
    """Take the database and the state directory away from group and others, where they had any right."""
    done: list[Path] = []
    companions = [file, *(Path(f"{file}{end}") for end in ("-wal", "-shm"))] if file else []
    for path, rights in ((folder, 0o700), *((path, 0o600) for path in companions)):
        try:
            status = path.stat()
            if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
                path.chmod(stat.S_IMODE(status.st_mode) & rights)
                done.append(path)
        except OSError:
            continue
    return done


def pass_farm(command: Callable[Concatenate[Farm, P], R]) -> Callable[P, R]:
    """Give a command its farm first."""

    @functools.wraps(command)
    def with_farm(*args: P.args, **kwargs: P.kwargs) -> R:
        root = click.get_current_context().find_root()
        root.obj = Farm(root.params.get("config_file"), dict(os.environ), Path.cwd())
        return command(root.obj, *args, **kwargs)

    return with_farm
