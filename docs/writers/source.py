"""The package's own source on pages about it, and a picture of the house from its imports."""

from __future__ import annotations

import ast
from collections import Counter
from html import escape
from pathlib import Path

from writers import house

__all__ = ["picture", "shown"]

ROOT = Path(__file__).parents[2]
ROW, WIDTH, NAMES = 44, 460, 150  # pixels: of a floor, the picture, a room's name


def shown(reference: str) -> str:
    """Return a file of the repository as a block of code, or one function or class of it.

    Args:
        reference: such as `cifarkit/training/loop.py`, or with `::Loop.step` behind it.
    """
    name, _, inner = reference.partition("::")
    source = (ROOT / name).read_text(encoding="utf-8")
    if inner:
        source = _part(source, inner)
    return f'``` {{ .python title="{reference}" }}\n{source.rstrip()}\n```'


def _part(source: str, name: str) -> str:
    """Return the source of a function or class, without its docstring and indentation."""
    node: ast.AST = ast.parse(source)
    for one in name.split("."):
        (node,) = (
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and child.name == one
        )
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    lines = source.splitlines()
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    taken = lines[first - 1 : node.end_lineno]
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        del taken[docstring.lineno - first : (docstring.end_lineno or 0) - first + 1]
    return "\n".join(line[node.col_offset :] for line in taken)


def picture() -> str:
    """Draw the rooms one above the other, and an arc from each to those that it imports from.

    The wider an arc, the more modules import by that way. All arcs lead down.
    """
    rooms = [floor[0] if len(floor) == 1 else "ground" for floor in house.floors()]
    imports = _imports(rooms)
    height = ROW * len(rooms)
    y = {room: height - ROW * (number + 0.5) for number, room in enumerate(rooms)}
    arcs = [
        f'<path d="M {NAMES} {y[one]} A {(y[other] - y[one]) / 2} {(y[other] - y[one]) / 2} 0 0 1 '
        f'{NAMES} {y[other]}" fill="none" stroke="currentColor" stroke-width="{count**0.5:.1f}" '
        f'opacity="0.35"><title>{one} imports from {other}, in {count} modules</title></path>'
        for (one, other), count in sorted(imports.items())
    ]
    names = [
        f'<text x="{NAMES - 12}" y="{y[room] + 5}" text-anchor="end" fill="currentColor" '
        f'font-size="15">{escape(room)}</text>'
        for room in rooms
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" style="max-width: {WIDTH}px" '
        f'aria-label="The rooms of the package, and arcs down to those each imports from">'
        f"{''.join(arcs + names)}</svg>"
    )


def _imports(rooms: list[str]) -> Counter[tuple[str, str]]:
    """Count the modules of each room that import from another one."""
    found: Counter[tuple[str, str]] = Counter()
    for path in sorted((ROOT / "cifarkit").rglob("*.py")):
        top = path.relative_to(ROOT / "cifarkit").parts[0].removesuffix(".py")
        here = top if top in rooms else "ground"
        if top.startswith("__"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = [
            node.module.split(".")[1]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cifarkit.")
        ]
        others = {room if room in rooms else "ground" for room in modules} - {here}
        found.update((here, other) for other in others)
    return found
