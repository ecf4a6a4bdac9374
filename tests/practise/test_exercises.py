from __future__ import annotations

import ast
import builtins
import tomllib
from pathlib import Path

import pytest

import cifarkit as ck
from cifarkit.practise import exercises
from cifarkit.practise.exercises import SMALL, Exercise, exercises_in, list_exercises
from cifarkit.practise.needs import binds, uses

ROOT = Path(__file__).parents[2]
ALL = list_exercises()
SCRIPT = '''# %% [markdown]
# # A title

# %%
N_TRAIN = 5_000
x = [N_TRAIN]

# %% [markdown]
# Some text.
#
# ### Exercise 1: double it
#
# Write [`double`][cifarkit.double].


# %%
def double(number):
    """Return twice the number."""
    return number  # not yet


@exercise
def check_double(function):
    return "Right"


check_double(double)


# %% tags=["solution"]
def double(number):
    return 2 * number


check_double(double)
'''


@pytest.fixture
def made(tmp_path: Path) -> Exercise:
    script = tmp_path / "07_title.py"
    script.write_text(SCRIPT, encoding="utf-8")
    (exercise,) = exercises_in(script)
    return exercise


def test_an_exercise_has_its_text_start_check_and_solution(made: Exercise) -> None:
    assert (made.number, made.title, made.tutorial) == ("07", "double it", "A title")
    assert made.text == "Write `double`."
    assert made.start.startswith("def double(number):\n")
    assert made.start.endswith("return number  # not yet")
    assert made.solved == "def double(number):\n    return 2 * number"
    (check,) = made.check
    assert ast.unparse(check).startswith("@exercise\ndef check_double")
    assert (ast.unparse(made.call), made.answers) == ("check_double(double)", {"double"})


def test_lines_are_those_of_the_tutorial(made: Exercise) -> None:
    lines = SCRIPT.splitlines()
    assert lines[made.check[0].lineno - 1] == "def check_double(function):"
    assert lines[made.given.line - 1] == "def double(number):"


def test_each_heading_of_a_tutorial_is_an_exercise() -> None:
    scripts = sorted((ROOT / "tutorials").glob("*.py"))
    texts = {script: script.read_text(encoding="utf-8") for script in scripts}
    assert len(ALL) == sum(text.count("\n# ### Exercise ") for text in texts.values()) > 20
    assert len({exercise.number for exercise in ALL}) == len(ALL)
    assert {exercise.script for exercise in ALL} == set(scripts)


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.number)
def test_the_setup_is_complete_and_small(exercise: Exercise) -> None:
    setup = exercise.setup
    bound = set(dir(builtins)).union(*map(binds, setup))
    assert set().union(*map(uses, setup), exercise.ready) <= bound
    sizes = [line for line in map(ast.unparse, setup) if line.partition(" ")[0] in SMALL]
    assert set(sizes) <= {f"{name} = {value}" for name, value in SMALL.items()}


def test_tutorials_are_in_the_wheel_where_they_are_looked_for() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (wheel,) = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"].items()
    installed, checkout = exercises.FOLDERS
    assert wheel == (checkout.name, installed.relative_to(ROOT).as_posix())
    assert not installed.exists(), "a checkout has its tutorials in one folder only"


def test_missing_tutorials_are_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(exercises, "FOLDERS", (tmp_path / "nowhere",))
    with pytest.raises(ck.InstallError, match="the tutorials are missing; install cifarkit again"):
        list_exercises()
