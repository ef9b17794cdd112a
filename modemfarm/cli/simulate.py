"""`modemfarm simulate`: virtual modems for any program, and `simulate ctl` to trouble them while they run."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from pathlib import Path

import click

from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import sentence, tell
from modemfarm.simulator.calls import RINGS
from modemfarm.simulator.control import ask
from modemfarm.simulator.faults import FAULTS, describe
from modemfarm.simulator.moments import MOMENTS
from modemfarm.simulator.personality import FAMILIES
from modemfarm.simulator.settings import knob_forms
from modemfarm.simulator.simulation import Simulation

DEFAULT_FOLDER = Path("farm/sim")
_PATH = click.Path(path_type=Path, file_okay=False)
_EPILOG = "\b\n" + describe().replace("\n\n", "\n \n")  # \b keeps the lines as they are


class _Families(click.Group):
    """Lets ``--family a b`` name several at once."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        folded: list[str] = []
        for arg in args:
            if arg in FAMILIES and len(folded) >= 2 and folded[-2] == "--family":
                folded.append("--family")
            folded.append(arg)
        return super().parse_args(ctx, folded)


@click.group(cls=_Families, invoke_without_command=True)
@click.option("--modems", type=click.IntRange(1, 1000), default=4, show_default=True, help="How many.")
@click.option("--dir", "folder", type=_PATH, default=DEFAULT_FOLDER, show_default=True, help="Where the ports appear.")
@click.option("--family", "families", multiple=True, help="Families, cycled over the modems: " + " ".join(FAMILIES))
@click.option("--airtime-ms", type=click.FloatRange(0), default=200, show_default=True, help="Ctrl-Z to result.")
@click.option("--setup-ms", type=click.FloatRange(0), default=0, show_default=True, help="Radio link set-up before it.")
@click.option("--report-ms", type=click.FloatRange(0), default=500, show_default=True, help="Result to report.")
@click.option("--reboot-ms", type=click.FloatRange(0), default=2000, show_default=True, help="Off time of a restart.")
@click.option("--chatter-ms", type=click.FloatRange(0), default=30000, show_default=True, help="Between status lines.")
@click.option("--seed", type=int, default=None, help="Makes noise and first references repeatable.")
@click.pass_context
def simulate(
    context: click.Context,
    *,
    modems: int,
    folder: Path,
    families: tuple[str, ...],
    airtime_ms: float,
    setup_ms: float,
    report_ms: float,
    reboot_ms: float,
    chatter_ms: float,
    seed: int | None,
) -> None:
    """Run virtual modems until stopped.

    Each is a pty linked from DIR/ttyV0 and on; any program may open them. One virtual network carries the messages
    between their SIMs (+8613900000001 and on) and to simulated phones (every other number), and writes DIR/smsc.jsonl,
    a line per event before the modem answers; times in it are seconds since the epoch.
    """
    if context.invoked_subcommand is not None:
        return
    names = [name for item in families for name in item.replace(",", " ").split()]
    for name in names:
        if name not in FAMILIES:
            raise click.BadParameter(sentence("refusal.no_family", given=repr(name)), param_hint="--family")
    chosen = random.randrange(1 << 30) if seed is None else seed  # noqa: S311 - noise

    async def run() -> None:
        simulation = Simulation(
            modems,
            families=names,
            airtime_s=airtime_ms / 1000,
            setup_s=setup_ms / 1000,
            report_s=report_ms / 1000,
            reboot_s=reboot_ms / 1000,
            chatter_s=chatter_ms / 1000,
            seed=chosen,
        )
        await _serve(simulation, folder)

    asyncio.run(run())


async def _serve(simulation: Simulation, folder: Path) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        await simulation.start(folder)
    except OSError as error:
        raise CliError(f"{folder}: {error.strerror or error}") from error
    last = len(simulation.modems) - 1
    tell("said.simulated", n=last + 1, folder=folder, last=last)
    try:
        await stopped.wait()
    finally:
        await simulation.stop()


@simulate.group()
@click.argument("folder", metavar="DIR", type=_PATH)
@click.pass_context
def ctl(context: click.Context, folder: Path) -> None:
    """Trouble the modems of a running simulation in DIR."""
    context.obj = folder


def _ask(folder: Path, verb: str, *args: object) -> object:
    try:
        return ask(folder / "control.sock", verb, *(str(item) for item in args if item is not None))
    except ValueError as error:
        raise CliError(str(error), Exit.USAGE) from error
    except OSError as error:
        raise CliError(sentence("refusal.no_simulation", path=folder), Exit.UNREACHABLE) from error


def _show(result: object) -> None:
    print(json.dumps(result, ensure_ascii=False, indent=2))


@ctl.command(epilog=_EPILOG)
@click.argument("number", metavar="N", type=int)
@click.argument("name", metavar="NAME", type=click.Choice(list(FAULTS)))
@click.argument("arg", metavar="[ARG]", default="")
@click.argument("count", metavar="[COUNT]", type=int, required=False)
@click.pass_obj
def fault(folder: Path, number: int, name: str, arg: str, count: int | None) -> None:
    """Give modem N a fault."""
    _ask(folder, "fault", number, name, arg, count)


@ctl.command()
@click.argument("number", metavar="N", type=int)
@click.option("--at", "moment", type=click.Choice(MOMENTS), help="Not now but at this moment; see kill-at.")
@click.option("--count", type=click.IntRange(1), default=1, help="Which of these moments: the first, the second …")
@click.pass_obj
def unplug(folder: Path, number: int, moment: str | None, count: int) -> None:
    """Pull modem N out: its port hangs up and its name goes."""
    if moment is None:
        _ask(folder, "unplug", number)
    else:
        _ask(folder, "unplug-at", number, moment, count)


@ctl.command()
@click.argument("number", metavar="N", type=int)
@click.option("--as", "name", default=None, help="A new name for its port.")
@click.pass_obj
def replug(folder: Path, number: int, name: str | None) -> None:
    """Put modem N in again and let it boot; prints its port."""
    print(_ask(folder, "replug", number, name))


@ctl.command()
@click.argument("number", metavar="N", type=int)
@click.argument("originator", metavar="FROM")
@click.argument("text", metavar="TEXT")
@click.pass_obj
def deliver(folder: Path, number: int, originator: str, text: str) -> None:
    """Send TEXT from the number or name FROM to the SIM of modem N; long texts in parts."""
    _ask(folder, "deliver", number, originator, text)


@ctl.command()
@click.argument("number", metavar="N", type=int)
@click.argument("originator", metavar="FROM")
@click.argument("rings", metavar="[RINGS]", type=click.IntRange(1), default=RINGS)
@click.pass_obj
def call(folder: Path, number: int, originator: str, rings: int) -> None:
    """Call the SIM of modem N from the number FROM and give up after RINGS; prints ringing, busy or unreachable."""
    print(_ask(folder, "call", number, originator, rings))


@ctl.command("kill-at")
@click.argument("moment", metavar="MOMENT", type=click.Choice(MOMENTS))
@click.argument("pid", metavar="PID|auto")
@click.argument("count", metavar="[N]", type=click.IntRange(1), default=1)
@click.pass_obj
def kill_at(folder: Path, moment: str, pid: str, count: int) -> None:
    """Kill a process (SIGKILL) when MOMENT comes for the N-th time from now; auto: who has that port open then.

    \b
    prompt   right after the prompt was written
    mid-pdu  half of the PDU was read; the other half and Ctrl-Z never arrive
    ctrl-z   Ctrl-Z was read, before the network has the message
    result   right after the result of a submission was written
    report   right after a delivery report was said or stored
    inbound  right after a message from outside was said or stored
    """  # noqa: D301 - click wants that character
    _ask(folder, "kill-at", moment, pid, count)


@ctl.command("set", epilog="\b\n" + "\n".join(f"{name} {form}" for name, form in knob_forms().items()))
@click.argument("number", metavar="N", type=int)
@click.argument("knob", metavar="KNOB")
@click.argument("value", metavar="VALUE")
@click.pass_obj
def set_knob(folder: Path, number: int, knob: str, value: str) -> None:
    """Make modem N, or its SIM, differ from others; a wrong knob is answered with the list."""
    _ask(folder, "set", number, knob, value)


@ctl.command()
@click.argument("onoff", metavar="on|off", type=click.Choice(["on", "off"]))
@click.pass_obj
def reports(folder: Path, onoff: str) -> None:
    """Let the network give delivery reports, or not."""
    _ask(folder, "reports", onoff)


@ctl.command()
@click.argument("number", metavar="NUMBER")
@click.argument("code", metavar="CODE", type=click.IntRange(0, 511))
@click.pass_obj
def refuse(folder: Path, number: str, code: int) -> None:
    """Have the network refuse every message to NUMBER with +CMS ERROR CODE; 0 ends it."""
    _ask(folder, "refuse", number, code)


@ctl.command()
@click.argument("number", metavar="NUMBER")
@click.pass_obj
def phone(folder: Path, number: str) -> None:
    """Print the last texts that the phone NUMBER got, as JSON, oldest first."""
    _show(_ask(folder, "phone", number))


@ctl.command()
@click.pass_obj
def phones(folder: Path) -> None:
    """Print the numbers of the phones that got something, as JSON."""
    _show(_ask(folder, "phones"))


@ctl.command()
@click.pass_obj
def stats(folder: Path) -> None:
    """Print what each modem did, as JSON; busy_s is the sum of Ctrl-Z to result, cpu_s our own processor time."""
    _show(_ask(folder, "stats"))
