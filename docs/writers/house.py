"""What the repository says of itself: its floors, its version, CONTRIBUTING.md and CHANGELOG.md."""

from __future__ import annotations

import ast
from pathlib import Path

import cifarkit as ck

__all__ = ["changelog", "contributing", "floors", "table", "version"]

ROOT = Path(__file__).parents[2]


def floors() -> list[list[str]]:
    """Return the rooms of each floor from the ground up, as `tests/test_house.py` has them."""
    tree = ast.parse((ROOT / "tests" / "test_house.py").read_text(encoding="utf-8"))
    (found,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS"
    )
    # Of the source, not of its value: a set forgets the order in which it was written.
    return [[ast.literal_eval(room) for room in floor.elts] for floor in found.elts]


def table() -> str:
    """Tabulate the house: each room, and the first line of what its source says of itself."""
    rows = ["| floor | room | what is there |", "|---|---|---|"]
    for number, rooms in enumerate(floors()):
        floor = str(number - 1) if number else "ground"
        rows += [f"| {floor} | `{room}` | {_first_line(room)} |" for room in rooms]
    return "\n".join(rows)


def contributing() -> str:
    """Return CONTRIBUTING.md without its title."""
    return _without_title("CONTRIBUTING.md")


def changelog() -> str:
    """Return CHANGELOG.md without its title."""
    return _without_title("CHANGELOG.md")


def version() -> str:
    """Return the version of the package, such as `0.1.0`."""
    return ck.__version__


def _without_title(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8").partition("\n")[2].strip()


def _first_line(room: str) -> str:
    package = ROOT / "cifarkit" / room
    file = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    told = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return told.partition("\n")[0]
