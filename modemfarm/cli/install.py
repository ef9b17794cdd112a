"""`modemfarm install`: user, folders, udev rules and a systemd service; says each step, does only what is missing."""

from __future__ import annotations

import grp
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import sentence, tell
from modemfarm.modem.profile import load_profiles
from modemfarm.modem.udev_rules import rules
from modemfarm.resources import shipped

USER = "modemfarm"
PORTS_GROUP = "dialout"
RULES = Path("etc/udev/rules.d/78-modemfarm.rules")
UNIT = Path("etc/systemd/system/modemfarm.service")
CONFIG = Path("etc/modemfarm/config.yaml")
STATE = Path("var/lib/modemfarm")

# Who listens to a program, while it runs: in a container, an image or a rescue system it is told at the next boot.
_LISTENS = {"udevadm": Path("/run/udev/control"), "systemctl": Path("/run/systemd/system")}

_CONFIG_TEXT = """\
# Every key with its default: config.yaml beside the program, or `modemfarm config show`.
state_dir: /var/lib/modemfarm
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be done; `done` tells whether it is so already."""

    what: str
    done: Callable[[], bool]
    do: Callable[[], None]


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@click.option("--uninstall", is_flag=True, help="Take it back; configuration and messages stay.")
@click.option("--rules", "print_rules", is_flag=True, help="Print the udev rules and do nothing.")
@click.option("--root", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path("/"), hidden=True)
def install(dry_run: bool, uninstall: bool, print_rules: bool, root: Path) -> None:
    """Make modemfarm a service of this machine: user, udev rules, systemd unit, /etc/modemfarm. Again does no harm."""
    if print_rules:
        click.echo(rules(load_profiles(shipped("drivers"))), nl=False)
        return
    system = System(root, dry_run)
    for step in removing(system) if uninstall else installing(system):
        if step.done():
            tell("said.step_so", what=step.what)
            continue
        tell("said.step_would" if dry_run else "said.step_done", what=step.what)
        if not dry_run:
            try:
                step.do()
            except PermissionError as error:
                raise CliError(sentence("refusal.as_root", file=error.filename), Exit.FAILED) from error
    if dry_run:
        tell("said.nothing_changed")
    elif not uninstall:
        tell("said.configure", file=root / CONFIG, command="systemctl enable --now modemfarm")


@dataclass(frozen=True, slots=True)
class System:
    """The machine, or a folder that stands for it; below a folder no program of the machine is run."""

    root: Path
    dry_run: bool = False

    @property
    def real(self) -> bool:
        return self.root == Path("/")

    def call(self, *command: str) -> None:
        """Run a program of the machine, if it has it and there is somebody to hear it."""
        found, listener = shutil.which(command[0]), _LISTENS.get(command[0])
        if not self.real or found is None or (listener is not None and not listener.exists()):
            return
        ended = subprocess.run([found, *command[1:]], check=False, capture_output=True, text=True)  # noqa: S603 # ours
        if ended.returncode:
            raise CliError(f"{' '.join(command)}: {ended.stderr.strip() or ended.returncode}")

    def user(self) -> bool:
        """Whether the service's user is there; a folder has no users."""
        if not self.real:
            return True
        try:
            pwd.getpwnam(USER)
        except KeyError:
            return False
        return True

    def in_group(self) -> bool:
        try:
            return not self.real or USER in grp.getgrnam(PORTS_GROUP).gr_mem
        except KeyError:
            return True

    def write(self, path: Path, text: str, mode: int) -> None:
        """Put a whole file in place at once."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".{target.name}.new")
        new.write_text(text, encoding="utf-8")
        new.chmod(mode)
        new.replace(target)

    def holds(self, path: Path, text: str) -> bool:
        try:
            return (self.root / path).read_text(encoding="utf-8") == text
        except OSError:
            return False

    def own(self, path: Path, mode: int) -> None:
        """Give a path to the service's user."""
        (self.root / path).chmod(mode)
        if self.real:
            shutil.chown(self.root / path, USER, USER)


def unit() -> str:
    """The unit, with this program's place filled in."""
    program = shutil.which("modemfarm") if Path(sys.argv[0]).name != "modemfarm" else sys.argv[0]
    where = str(Path(program).resolve()) if program else f"{sys.executable} -m modemfarm"
    at_home = Path(where).parts[1:2] in (("home",), ("root",))
    text = (shipped("udev") / "modemfarm.service").read_text(encoding="utf-8")
    filled = {"{program}": where, "{config}": f"/{CONFIG}", "{home}": "read-only" if at_home else "yes"}
    for place, value in filled.items():
        text = text.replace(place, value)
    return text


def installing(system: System) -> Iterator[Step]:
    """Every step, in order."""
    wanted = (shipped("udev") / RULES.name).read_text(encoding="utf-8")
    service = unit()

    def add_user() -> None:
        home, shell = f"/{STATE}", "/usr/sbin/nologin"
        system.call(
            "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", shell, USER
        )

    def folders() -> None:
        (system.root / STATE).mkdir(mode=0o700, parents=True, exist_ok=True)
        system.own(STATE, 0o700)

    def configure() -> None:
        system.write(CONFIG, _CONFIG_TEXT, 0o640)
        system.own(CONFIG.parent, 0o750)
        system.own(CONFIG, 0o600)

    def put_rules() -> None:
        system.write(RULES, wanted, 0o644)
        system.call("udevadm", "control", "--reload")
        system.call("udevadm", "trigger", "--subsystem-match=usb", "--subsystem-match=tty", "--action=change")

    def put_unit() -> None:
        system.write(UNIT, service, 0o644)
        system.call("systemctl", "daemon-reload")

    yield Step(sentence("said.step_user", name=USER), system.user, add_user)
    yield Step(
        sentence("said.step_group", name=USER, group=PORTS_GROUP),
        system.in_group,
        lambda: system.call("usermod", "--append", "--groups", PORTS_GROUP, USER),
    )
    yield Step(sentence("said.step_folder", path=f"/{STATE}"), (system.root / STATE).is_dir, folders)
    yield Step(sentence("said.step_configuration", path=f"/{CONFIG}"), (system.root / CONFIG).exists, configure)
    yield Step(sentence("said.step_rules", path=f"/{RULES}"), lambda: system.holds(RULES, wanted), put_rules)
    yield Step(sentence("said.step_service", path=f"/{UNIT}"), lambda: system.holds(UNIT, service), put_unit)


def removing(system: System) -> Iterator[Step]:
    """What uninstalling takes away; what a person wrote or the farm recorded stays."""

    def absent(path: Path) -> Callable[[], bool]:
        return lambda: not (system.root / path).exists()

    def remove_unit() -> None:
        system.call("systemctl", "disable", "--now", "modemfarm")
        (system.root / UNIT).unlink()
        system.call("systemctl", "daemon-reload")

    def remove_rules() -> None:
        (system.root / RULES).unlink()
        system.call("udevadm", "control", "--reload")

    yield Step(sentence("said.step_no_service", path=f"/{UNIT}"), absent(UNIT), remove_unit)
    yield Step(sentence("said.step_no_rules", path=f"/{RULES}"), absent(RULES), remove_rules)
    kept = sentence("said.step_kept", config=f"/{CONFIG.parent}", state=f"/{STATE}", name=USER)
    yield Step(kept, lambda: True, lambda: None)
