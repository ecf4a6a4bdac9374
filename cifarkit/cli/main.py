"""The program `cifarkit`: its commands, and what a user sees of an error."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from cifarkit import __version__
from cifarkit.cli.check import check
from cifarkit.cli.compare import compare
from cifarkit.cli.data import data
from cifarkit.cli.docs import docs
from cifarkit.cli.doctor import doctor
from cifarkit.cli.evaluate import evaluate
from cifarkit.cli.export import export
from cifarkit.cli.foreign_lines import Command, Group, meant
from cifarkit.cli.leaderboard import leaderboard
from cifarkit.cli.models import models
from cifarkit.cli.plan import plan
from cifarkit.cli.practise import practise
from cifarkit.cli.predict import predict
from cifarkit.cli.report import report
from cifarkit.cli.resume import resume
from cifarkit.cli.saying import echo, say
from cifarkit.cli.search import search
from cifarkit.cli.train import train
from cifarkit.cli.verify import verify
from cifarkit.errors import CifarkitError
from cifarkit.storage.folders import data_folder, home_is_known

__all__ = ["app", "main"]

app = typer.Typer(
    name="cifarkit",
    cls=Group,
    help="Image classification on CIFAR-10, from scratch, readable and honest.",
    epilog="--debug, anywhere on the line, shows the traceback of an error.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (
    *(train, resume, plan, compare, search, evaluate, predict, export, report),
    *(verify, leaderboard, models, check, practise, docs, doctor),
)
for command in COMMANDS:
    app.command(cls=Command)(command)
app.add_typer(data, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"cifarkit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Image classification on CIFAR-10, from scratch, readable and honest."""


def main() -> None:
    """Run one command; an error is one message on stderr and exit status 1.

    Exit status 2 means a line that cannot be understood, 130 means Ctrl-C.
    """
    if sys.stderr is None:  # closed: the next file that is opened would take its number
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end
    for stream in (sys.stdout, sys.stderr):  # not every file name can be printed
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not home_is_known():  # then matplotlib before 3.11 needs this to be imported
        os.environ.setdefault("MPLCONFIGDIR", str(data_folder() / "matplotlib"))
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    logging.basicConfig(format="cifarkit: %(message)s", level=logging.WARNING)
    warnings.showwarning = _show_warning
    try:
        app(meant(arguments))
    except CifarkitError as error:
        if debug:
            raise
        say(f"cifarkit: {error}\n{error.pointer}")
        sys.exit(1)
    except OSError as error:  # such as a full disk
        if debug:
            raise
        say(f"cifarkit: {type(error).__name__}: {error}")
        sys.exit(1)


def _show_warning(message: Warning | str, *_where: Any, **_more: Any) -> None:
    # The source line of a warning does not help a user who typed a command.
    say(f"cifarkit: warning: {message}")
