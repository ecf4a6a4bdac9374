"""`cifarkit practise`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cifarkit.cli.saying import echo, say

if TYPE_CHECKING:
    from cifarkit.practise.exercises import Exercise

__all__ = ["practise"]

FOLDER = Path("practise")


def practise(
    number: Annotated[
        str | None,
        typer.Argument(
            metavar="NN",
            help="The exercise, such as 03.2, or all of tutorial 03.",
            show_default=False,
        ),
    ] = None,
    solution: Annotated[
        bool, typer.Option("--solution", help="Print a solution, and do nothing else.")
    ] = False,
) -> None:
    """Work on the exercises of the tutorials; exit status 0 when each exercise named is right.

    Without NN it lists them. The first call with NN writes `practise/exercise_NN.py`, with the text
    and the starting code; a file of yours is never overwritten. Later calls check the file.
    """
    from cifarkit.practise.exercises import list_exercises

    exercises = list_exercises()
    if number is None:
        echo("\n".join(_listed(exercises)))
        return
    named = [it for it in exercises if _is_named(it, number)]
    if not named:
        raise typer.BadParameter(
            f"there is no exercise {number}; cifarkit practise lists them, such as 03.2"
        )
    if solution:
        echo("\n\n\n".join(f"# Exercise {it.number}: {it.title}\n\n{it.solved}" for it in named))
        return
    right = [_begin_or_check(exercise) for exercise in named]
    if not all(right):
        raise typer.Exit(1)


def _is_named(exercise: Exercise, typed: str) -> bool:
    tutorial, dot, rest = typed.partition(".")
    number = f"{tutorial.zfill(2)}{dot}{rest}"
    return exercise.number == number or exercise.number.startswith(f"{number}.")


def _listed(exercises: list[Exercise]) -> list[str]:
    """Return a line for each exercise, under the title of its tutorial."""
    lines, tutorial = [], ""
    for exercise in exercises:
        if exercise.tutorial != tutorial:
            tutorial = exercise.tutorial
            lines += ["", tutorial]
        path = FOLDER / exercise.file
        begun = f"  begun: {path}" if path.exists() else ""
        lines.append(f"  {exercise.number:<5} {exercise.title:<42}{begun}".rstrip())
    return [*lines[1:], "", "To begin or to check an exercise, type: cifarkit practise 01.1"]


def _begin_or_check(exercise: Exercise) -> bool:
    """Write the file for an answer, or check it if it is there; return whether it is right."""
    from cifarkit.practise.check import Interrupted, check_answer, write_start

    path = FOLDER / exercise.file
    if not path.exists():
        write_start(exercise, path)
        echo(f"Exercise {exercise.number} is in {path}")
        echo(f"Change the code in it, then type: cifarkit practise {exercise.number}")
        return False
    say(f"Exercise {exercise.number}: checking {path} …")
    try:
        right, text = check_answer(exercise, path)
    except Interrupted as stop:
        say(str(stop))
        raise typer.Exit(130) from None
    echo(text)
    return right
