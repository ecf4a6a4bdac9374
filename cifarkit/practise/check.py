"""Write the file for an answer, and run an exercise's check on it."""

from __future__ import annotations

import ast
import io
import linecache
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from cifarkit.exercises import judge, location, stopped_by
from cifarkit.practise.exercises import Exercise
from cifarkit.storage.atomic import write_new_text

__all__ = ["Interrupted", "check_answer", "write_start"]

WIDTH = 98


class Interrupted(Exception):  # noqa: N818 - not an error: the user ended it
    """Ctrl-C came while an answer was running; the text says at which line."""


def write_start(exercise: Exercise, path: Path) -> None:
    """Write an exercise's text and starting code to a new file.

    Raises:
        RunFolderError: the file exists.
        OSError: it cannot be written.
    """
    code = exercise.start or "# Write your code here."
    parts = ["\n".join(_head(exercise)), "\n".join(exercise.imports), f"\n{code}\n"]
    write_new_text(path, "\n\n".join(filter(None, parts)))


def check_answer(exercise: Exercise, path: Path) -> tuple[bool, str]:
    """Run an exercise's check on the file with an answer.

    First comes the code of the tutorial that the check needs, then the answer, then the check.

    Returns:
        Whether the answer is right, and what the check says of it in one line.

    Raises:
        Interrupted: Ctrl-C came while the answer was running.
        OSError: the file cannot be read.
    """
    try:
        answer = compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError) as error:
        return False, f"Not yet: {_unreadable(error)}"
    except (MemoryError, RecursionError):  # as the compiler says it
        return False, "Not yet: the file nests its code too deeply for Python"
    linecache.checkcache(str(path))  # or the lines of an earlier answer would be named
    with _module(path.stem) as names:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            _run(exercise.setup, exercise, names)
        try:
            return _judged(exercise, answer, names)
        except KeyboardInterrupt as stop:
            where = location(stop.__traceback__, names)
            raise Interrupted(f"Stopped: {where} was still running") from None


def _judged(exercise: Exercise, answer: CodeType, names: dict[str, Any]) -> tuple[bool, str]:
    try:
        exec(answer, names)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - anything can be wrong with an answer
        return False, stopped_by(error, names)
    if missing := sorted(exercise.answers - names.keys()):
        return False, f"Not yet: the file does not define {', '.join(missing)}"
    _run(exercise.check, exercise, names)
    check = names[ast.unparse(exercise.call.func)].__wrapped__  # which `exercise` prints from
    try:
        answers = [eval(ast.unparse(argument), names) for argument in exercise.call.args]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - such as a class that cannot be made
        return False, stopped_by(error, names)
    return judge(check, *answers)


@contextmanager
def _module(name: str) -> Iterator[dict[str, Any]]:
    """Give the names of a new module, which classes and pickles can find while it is used."""
    module = ModuleType(name)
    sys.modules[name] = module
    try:
        yield module.__dict__
    finally:
        del sys.modules[name]


def _run(statements: list[ast.stmt], exercise: Exercise, names: dict[str, Any]) -> None:
    """Run statements of a tutorial; their lines are those of its file."""
    exec(compile(ast.Module(statements, []), str(exercise.script), "exec"), names)


def _unreadable(error: SyntaxError | ValueError) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        line = (error.text or "").strip()
        return f"line {error.lineno} is not Python: {error.msg}, at `{line}`"
    return f"the file is not Python: {error}"


def _head(exercise: Exercise) -> list[str]:
    """Return the comment at the top of the file: what is to be done, and how to check it."""
    tutorial = f"From tutorial {exercise.number[:2]}, {exercise.tutorial!r}; read it first."
    ready = ", ".join(exercise.ready)
    lines = [
        f"Exercise {exercise.number}: {exercise.title}",
        tutorial,
        "",
        *exercise.text.splitlines(),
        "",
        f"When you have changed the code below: cifarkit practise {exercise.number}",
        *([f"The check brings these names from the tutorial: {ready}."] if ready else []),
    ]
    return [
        f"# {part}".rstrip()
        for line in lines
        for part in (textwrap.wrap(line, WIDTH, break_long_words=False) or [""])
    ]
