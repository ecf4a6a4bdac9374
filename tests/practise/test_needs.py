from __future__ import annotations

import ast
import itertools

import pytest

from cifarkit.practise.needs import binds, needed, uses


def kept(program: str, *names: str) -> str:
    lines = "\n".join(map(ast.unparse, needed(ast.parse(program).body, set(names))))
    return lines.replace("\n\n", "\n")


def test_what_binds_a_name_is_kept_with_all_that_it_needs() -> None:
    assert kept("a = 1\nb = 2\nc = a + 1\nd = c", "c") == "a = 1\nc = a + 1"
    assert kept("import math\nimport re\ndef f(x):\n    return math.pi * x", "f") == (
        "import math\ndef f(x):\n    return math.pi * x"
    )


def test_a_name_inside_a_function_is_needed_only_if_it_is_the_module_s() -> None:
    program = "x = 1\ny = 2\ndef f(x):\n    return x + y"
    assert kept(program, "f") == "y = 2\ndef f(x):\n    return x + y"


@pytest.mark.parametrize(
    "acts",
    [
        *("a.append(2)", "a[0] = 3", "a.b.c = 3", "a += [4]", "(a.pop(), 1)"),
        *("for i in a:\n    a.append(i)", "b = train(callbacks=[a])"),
    ],
)
def test_what_acts_on_a_needed_value_is_kept(acts: str) -> None:
    assert kept(f"a = [1]\n{acts}", "a") == f"a = [1]\n{acts}"
    assert kept(f"a = [1]\n{acts}", "z") == ""


@pytest.mark.parametrize(
    "harmless", ["print(a)", "x = a[0]", "def other():\n    a.append(1)", "import b"]
)
def test_what_only_reads_or_prints_is_left_out(harmless: str) -> None:
    assert kept(f"a = [1]\n{harmless}", "a") == "a = [1]"


def test_a_module_is_not_acted_on_but_a_registration_is_kept() -> None:
    draws, registers = "ck.plots.curves(1)", "ck.register_model('m')(print)"
    assert kept(f"import cifarkit as ck\n{draws}\n{registers}", "ck") == (
        f"import cifarkit as ck\n{registers}"
    )
    decorated = "@ck.register_model('m')\ndef m():\n    pass"
    assert kept(f"import cifarkit as ck\n{decorated}") == f"import cifarkit as ck\n{decorated}"


def test_every_program_is_its_own_slice_for_all_of_its_names() -> None:
    parts = ["a = 1", "b = a", "b += 1", "import re", "for c in [a, b]:\n    d = c"]
    for program in itertools.permutations(parts, 3):
        statements = ast.parse("\n".join(program)).body
        names = set().union(*map(binds, statements))
        assert needed(statements, names) == statements


def test_names_that_are_bound_and_used() -> None:
    (statement,) = ast.parse("with open(p) as f, g() as (h, i):\n    j = [k for k in f]").body
    assert binds(statement) == {"f", "h", "i", "j"}
    assert {"open", "p", "g", "f"} <= uses(statement)
    assert "k" not in uses(statement)
