"""`cifarkit practise`, as a student meets it: a file to work in, and its check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

from cifarkit.practise.exercises import Exercise, list_exercises

ALL = list_exercises()
ANSWER = Path("practise/exercise_11_2.py")  # whose check needs nothing of its tutorial


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def check(call: Any) -> Any:
    """Return a way to check the text of an answer file."""

    def checked(text: str | bytes, number: str = "11.2") -> Any:
        path = Path("practise") / f"exercise_{number.replace('.', '_')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return call("practise", number)

    return checked


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.number)
def test_a_file_as_it_is_given_is_not_right_yet(call: Any, exercise: Exercise) -> None:
    written = call("practise", exercise.number)
    assert (written.status, written.err) == (1, "")
    assert f"type: cifarkit practise {exercise.number}\n" in written.out
    checked = call("practise", exercise.number)
    assert checked.status == 1
    assert checked.out.startswith("Not yet: ")
    assert "stops with" not in checked.out, "a start is code that runs"


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.number)
def test_empty_work_passes_no_check(check: Any, exercise: Exercise) -> None:
    status, out, _ = check("", exercise.number)
    assert status == 1
    assert out.startswith("Not yet: ")
    assert out.count("\n") == 1


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.number)
def test_a_solution_in_the_file_is_right(call: Any, exercise: Exercise) -> None:
    call("practise", exercise.number)
    path = Path("practise") / exercise.file
    given = path.read_text(encoding="utf-8")
    path.write_text(given.partition("\n\n\n")[0] + f"\n\n\n{exercise.solved}\n", encoding="utf-8")
    status, out, _ = call("practise", exercise.number)
    assert (status, out.split()[0].strip(",:")) == (0, "Right")


def test_without_a_number_all_are_listed_and_begun_ones_named(call: Any) -> None:
    status, out, err = call("practise")
    assert (status, err) == (0, "")
    assert all(f"  {exercise.number:<5} {exercise.title}" in out for exercise in ALL)
    assert "begun" not in out
    call("practise", "11.2")
    (begun,) = (line for line in call("practise").out.splitlines() if "begun" in line)
    assert begun.split() == ["11.2", "how", "many", "seeds?", "begun:", str(ANSWER)]


def test_a_file_is_never_overwritten(check: Any) -> None:
    check("mine = 1\n")
    assert ANSWER.read_text(encoding="utf-8") == "mine = 1\n"


@pytest.mark.parametrize("typed", ["11", "11.2"])
def test_a_number_names_an_exercise_or_all_of_a_tutorial(call: Any, typed: str) -> None:
    call("practise", typed)
    names = [path.name for path in Path("practise").iterdir()]
    assert sorted(names) == ["exercise_11_1.py"] * (typed == "11") + ["exercise_11_2.py"]


def test_a_leading_zero_may_be_left_out(call: Any) -> None:
    for typed in ("8.1", "08.1"):
        assert "def receptive_field" in call("practise", typed, "--solution").out


@pytest.mark.parametrize("typed", ["99", "11.9", "1.", "", "eleven"])
def test_an_unknown_number_says_what_lists_them(call: Any, typed: str) -> None:
    status, out, err = call("practise", typed)
    assert (status, out) == (2, "")
    assert f"there is no exercise {typed}; cifarkit practise lists them" in err


def test_a_solution_is_printed_and_nothing_written(call: Any) -> None:
    status, out, _ = call("practise", "11.2", "--solution")
    assert status == 0
    assert "def seeds_for(variants: int) -> int:" in out
    assert "check_" not in out
    assert not ANSWER.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ndef f(:\n    pass\n", "line 2 is not Python: invalid syntax, at `def f(:`"),
        (b"x = '\xff'", "not Python: (unicode error) 'utf-8' codec can't decode"),
        ("x = 1\0", "is not Python: source code string cannot contain null bytes"),
        ("x = 1 / 0", "your code, at `x = 1 / 0`, stops with ZeroDivisionError: division by zero"),
        ("raise SystemExit(0)", "your code, at `raise SystemExit(0)`, stops with SystemExit: 0"),
        (
            "def seeds_for(variants):\n    return variants.x",
            "seeds_for, at `return variants.x`, stops with AttributeError",
        ),
        (
            "import sys\ndef seeds_for(variants):\n    sys.exit(0)",
            "seeds_for, at `sys.exit(0)`, stops with SystemExit: 0",
        ),
        ("def seeds_for(n):\n    return seeds_for(n)", "stops with RecursionError"),
        (
            "class Mute(Exception):\n    def __str__(self):\n        return 1 / 0\nraise Mute",
            "your code, at `raise Mute`, stops with Mute",
        ),
        ("seeds_for = " + "-" * 200_000 + "1", "the file nests its code too deeply for Python"),
        ("seeds_for = None", "there is no answer, only None"),
        ("seed_for = 1", "the file does not define seeds_for"),
    ],
)
def test_an_answer_that_breaks_gets_one_sentence(check: Any, text: str | bytes, said: str) -> None:
    status, out, err = check(text)
    assert (status, out.count("\n")) == (1, 1)
    assert out.startswith("Not yet: ")
    assert said in out
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "text",
    [
        "raise KeyboardInterrupt  # as Ctrl-C does",
        "def seeds_for(n):\n    while True:\n        raise KeyboardInterrupt  # as Ctrl-C does",
    ],
)
def test_ctrl_c_says_which_line_was_running(check: Any, text: str) -> None:
    status, out, err = check(text)
    assert (status, out) == (130, "")
    assert "at `raise KeyboardInterrupt  # as Ctrl-C does`, was still running" in err
    assert "Traceback" not in err


def test_what_an_answer_prints_is_seen_before_the_verdict(check: Any) -> None:
    status, out, _ = check("print('Right, says my own code')")
    assert status == 1
    assert out.splitlines()[0] == "Right, says my own code"
    assert out.splitlines()[1].startswith("Not yet: ")


def test_a_folder_in_place_of_the_file_is_one_message(call: Any) -> None:
    ANSWER.mkdir(parents=True)
    status, out, err = call("practise", "11.2")
    assert (status, out) == (1, "")
    assert "cifarkit: IsADirectoryError" in err
