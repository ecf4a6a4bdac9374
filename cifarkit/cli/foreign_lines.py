"""Lines that people type from habit: what they mean here, or what to type instead."""

from __future__ import annotations

import re
from typing import Any

from typer import BadParameter
from typer.core import TyperCommand, TyperGroup

from cifarkit.guidance import nearest, way_for
from cifarkit.synonyms import SYNONYMS

__all__ = ["Command", "Group", "meant"]

UsageError: type[Exception] = BadParameter.__mro__[1]  # Typer does not name it
# The names of these commands in other programs.
COMMANDS = {
    **dict.fromkeys(("fit", "run", "start"), "train"),
    **dict.fromkeys(("eval", "test", "score", "validate"), "evaluate"),
    **dict.fromkeys(("infer", "classify"), "predict"),
    **dict.fromkeys(("continue", "restart"), "resume"),
    **dict.fromkeys(("download", "dataset", "datasets"), "data show cifar10"),
    **dict.fromkeys(("summary", "show", "info"), "models baseline"),
    **dict.fromkeys(("rank", "ranking"), "leaderboard"),
}
OPTIONS = {
    **dict.fromkeys(("root", "image_set", "splits"), "data"),
    **dict.fromkeys(("image", "images", "picture", "file", "files", "path", "paths"), "pictures"),
}
# What different versions of Typer say about a value, and what the value must be.
VALUES = {
    r"valid integer": "it must be a whole number, such as 10",
    r"valid (number|float)": "it must be a number, such as 0.1",
    r"greater than or equal to (\S+)": "it must be {1} or more",
    r"not in the range x>=(\d+)": "it must be {1} or more",
}


def meant(arguments: list[str]) -> list[str]:
    """Return a line in cifarkit's words: `help train` is `train --help`, `list` is `models`.

    >>> meant(["help", "train"]), meant(["version"])
    (['train', '--help'], ['--version'])
    """
    match arguments:
        case ["help", *command]:
            return [*command, "--help"]
        case ["version"]:
            return ["--version"]
        case ["list" | "ls", *rest]:
            return ["models", *rest]
    return arguments


def plain(message: str) -> str:
    """Return Typer's message about a value in plain words.

    >>> plain("Input should be a valid integer, unable to parse string as an integer")
    'it must be a whole number, such as 10'
    """
    for pattern, allowed in VALUES.items():
        if match := re.search(pattern, message):
            return allowed.format(match[0], *match.groups())
    return message.removeprefix("Value error, ")


class Group(TyperGroup):
    """Commands; for the name that another program gives a command, the error has ours."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, or suggest the one that is meant."""
        if args[0] in COMMANDS:
            ctx.fail(f"No such command {args[0]!r}; write cifarkit {COMMANDS[args[0]]}")
        return super().resolve_command(ctx, args)


class Command(TyperCommand):
    """A command whose unknown options are answered with what to type."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the line, or suggest what to type for an unknown option."""
        given = list(args)  # parsing empties args
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            if isinstance(error, BadParameter):
                error.message = plain(error.message)
            if not hasattr(error, "possibilities"):  # as an unknown option has
                raise
            start = getattr(error, "option_name", "")  # for -lr it is -l
            word = next((word for word in given if word.startswith(start)), start)
            option = word.partition("=")[0]
        known = [name for parameter in self.get_params(ctx) for name in parameter.opts]
        way = self._way(ctx, option, [name for name in known if name.startswith("--")])
        raise UsageError(f"No such option: {option}; {way}", ctx)

    def _way(self, ctx: Any, option: str, known: list[str]) -> str:
        word = option.lstrip("-").replace("-", "_")
        ours = SYNONYMS.get(word.lower(), word)
        ours = OPTIONS.get(ours, ours)
        if (typed := "--" + ours.replace("_", "-")) in known:
            return f"write {typed}"
        for parameter in self.get_params(ctx):
            if parameter.param_type_name == "argument" and ours == parameter.name:
                words = " ".join(
                    parameter.name.upper()
                    for parameter in self.get_params(ctx)
                    if parameter.param_type_name == "argument"
                )
                return f"{ours} has no option: write cifarkit {self.name} {words}"
        if close := nearest(option, known, cutoff=0.75):
            return f"did you mean {close}?"
        way = way_for(f"ck.{self.name}", word, ..., [])
        if way == "it takes nothing":
            return f"it takes {', '.join(known)}"
        return f"in Python, {way}" if "ck." in way else way
