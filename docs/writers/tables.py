"""Pages of the reference that the program itself writes: the command line and the variants."""

from __future__ import annotations

from typing import Any

from typer.main import get_command

import cifarkit as ck
from cifarkit.cli.main import app
from writers import records, studies

__all__ = ["command_line", "commands", "variants"]


def command_line() -> str:
    """Describe every command: its line, what it does, its arguments and options."""
    return "\n\n".join(_command(name, command) for name, command in commands().items())


def commands() -> dict[str, Any]:
    """Return every command under the words that call it."""
    program: Any = get_command(app)
    found = {}
    for name, command in program.commands.items():
        below = getattr(command, "commands", None)
        found |= {f"{name} {word}": it for word, it in below.items()} if below else {name: command}
    return found


def variants() -> str:
    """Tabulate every registered variant: what it is, how it differs, what it costs."""
    baseline = ck.get_variant("baseline")
    recorded = studies.by_own_recipe()
    rows = [
        "| name | what it is | differs from `baseline` in | parameters | multiply-adds "
        "| accuracy, % |",
        "|---|---|---|--:|--:|--:|",
    ]
    for name in ck.list_models():
        variant, cost = ck.get_variant(name), ck.summary(name)
        accuracy = records.accuracies(recorded[name].name)[name] if name in recorded else "-"
        numbers = f"{cost.parameters:,} | {cost.multiply_adds:,} | {accuracy}"
        rows.append(f"| `{name}` | {variant.summary} | {_factors(variant, baseline)} | {numbers} |")
    origins = ". ".join(
        f"{', '.join(name for name in recorded if recorded[name] is study)}: "
        f"{records.conditions(study.name)}"
        for study in dict.fromkeys(recorded.values())
    )
    return "\n".join(
        [*rows, "", f"*Accuracy on test, mean and 95 % interval over seeds. {origins}.*"]
    )


def _factors(variant: ck.Variant, baseline: ck.Variant) -> str:
    """Write a single factor with its values, and of several the names."""
    differences = variant.differs_from(baseline)
    if len(differences) == 1 and "builder" not in differences:
        ((factor, (theirs, ours)),) = differences.items()
        return f"`{factor}={ours!r}`, not `{theirs!r}`"
    return ", ".join(f"`{factor}`" for factor in differences) or "nothing"


def _command(name: str, command: Any) -> str:
    arguments = [entry for entry in command.params if entry.param_type_name == "argument"]
    options = [entry for entry in command.params if entry.param_type_name == "option"]
    line = " ".join(["cifarkit", name, *map(_placeholder, arguments), "[OPTIONS]"])
    rows = ["| | what it is | default |", "|---|---|---|"]
    rows += [f"| `{_metavar(entry)}` | {entry.help} | {_default(entry)} |" for entry in arguments]
    rows += [f"| `{_spelling(entry)}` | {entry.help} | {_default(entry)} |" for entry in options]
    table = "\n".join(rows)
    return f"## `{name}`\n\n{command.help}\n\n```text\n{line}\n```\n\n{table}"


def _placeholder(argument: Any) -> str:
    name = _metavar(argument).removesuffix("...") + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _metavar(entry: Any) -> str:
    return str(entry.metavar or entry.name.upper())


def _spelling(option: Any) -> str:
    """Write an option as it is typed, with its value in capitals unless it takes none."""
    flag = ", ".join([*option.opts, *option.secondary_opts])
    return flag if option.default is False else f"{flag} {_metavar(option)}"


def _default(entry: Any) -> str:
    if isinstance(entry.show_default, str):
        return entry.show_default
    if entry.required:
        return "(needed)"
    given = entry.default is not None and entry.default is not False  # 0 is a default, too
    return f"`{entry.default}`" if given else ""
