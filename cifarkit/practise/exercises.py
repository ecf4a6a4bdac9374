"""The exercises of the tutorials: text, starting code, check and solution of each."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cifarkit
from cifarkit.errors import InstallError
from cifarkit.practise.needs import binds, needed, uses
from cifarkit.practise.percent import Cell, parse, without_links

__all__ = ["SMALL", "Exercise", "exercises_in", "list_exercises"]

HEADING = re.compile(r"^### Exercise (\d+): (.+)$", re.MULTILINE)
# The sizes at the top of a tutorial, as small as they can be for every cell to make sense.
SMALL = {"N_TRAIN": 400, "N_VAL": 100, "N_TEST": 200, "EPOCHS": 2}
PACKAGE = Path(cifarkit.__file__).parent
FOLDERS = (PACKAGE / "tutorials", PACKAGE.parent / "tutorials")  # installed, or a checkout


@dataclass(frozen=True)
class Exercise:
    """One exercise of a tutorial.

    Args:
        script: the tutorial, a percent script.
        number: its number, such as `"03.2"`; `"05"` where the tutorial has no other.
        title: what it is called.
        text: what is to be done, as Markdown.
        given: the cell with the starting code, the check and the call of the check.
        solution: the cell with a solution and the call of the check.
        before: the cells of code before it.
    """

    script: Path
    number: str
    title: str
    text: str
    given: Cell
    solution: Cell
    before: tuple[Cell, ...]

    @property
    def tutorial(self) -> str:
        """The title of the tutorial."""
        first = parse(self.script.read_text(encoding="utf-8"))[0].text
        return first.partition("\n")[0].removeprefix("# ")

    @property
    def file(self) -> str:
        """The name of the file for the answer."""
        return f"exercise_{self.number.replace('.', '_')}.py"

    @property
    def call(self) -> ast.Call:
        """The call of the check, which is the last line of the cell."""
        last = _statements(self.given)[-1]
        assert isinstance(last, ast.Expr)
        assert isinstance(last.value, ast.Call)
        return last.value

    @property
    def answers(self) -> set[str]:
        """The names that the answer must define."""
        return set().union(*(uses(ast.Expr(argument)) for argument in self.call.args))

    @property
    def start(self) -> str:
        """The starting code."""
        lines = self.given.text.splitlines()
        asked = (it for it in _statements(self.given) if binds(it) & self.answers)
        first = self.given.line
        return "\n\n\n".join(
            "\n".join(lines[_first_line(it) - first : (it.end_lineno or 0) - first + 1])
            for it in asked
        )

    @property
    def solved(self) -> str:
        """The code of the solution, without the call of the check."""
        return self.solution.text.removesuffix(self.solution.text.splitlines()[-1]).strip()

    @property
    def check(self) -> list[ast.stmt]:
        """The statements that define the check."""
        return [it for it in _statements(self.given)[:-1] if not binds(it) & self.answers]

    @property
    def setup(self) -> list[ast.stmt]:
        """The statements of the tutorial before it that check and answer need, with small sizes."""
        names = self._free.union(*(uses(it) for it in [*self.check, ast.Expr(self.call)]))
        return [_made_small(it) for it in needed(self._earlier, names)]

    @property
    def imports(self) -> list[str]:
        """The imports of the tutorial that the answer may need, as lines."""
        lines = (_import_of(it, self._free) for it in self._earlier)
        return list(dict.fromkeys(line for line in lines if line))

    @property
    def ready(self) -> list[str]:
        """The names that the tutorial defines and the answer may need."""
        imports = ast.parse("\n".join(self.imports)).body
        return sorted(self._free - set().union(*map(binds, imports)))

    @property
    def _free(self) -> set[str]:
        """The names that the starting code or the solution uses and does not define."""
        statements = ast.parse(f"{self.start}\n{self.solved}").body
        bound = set(dir(builtins)).union(*map(binds, statements))
        return set().union(*map(uses, statements)) - bound

    @property
    def _earlier(self) -> list[ast.stmt]:
        return [statement for cell in self.before for statement in _statements(cell)]


def list_exercises() -> list[Exercise]:
    """List the exercises of all tutorials.

    Raises:
        InstallError: the tutorials are not installed.

    >>> [exercise.number for exercise in list_exercises()][:4]
    ['01.1', '01.2', '01.3', '02.1']
    """
    folder = next(filter(Path.is_dir, FOLDERS), None)
    if folder is None:
        raise InstallError("the tutorials are missing; install cifarkit again: pip install .")
    scripts = sorted(folder.glob("[0-9][0-9]_*.py"))
    return [exercise for script in scripts for exercise in exercises_in(script)]


def exercises_in(script: Path) -> list[Exercise]:
    """Return the exercises of a tutorial, in their order."""
    cells = parse(script.read_text(encoding="utf-8"))
    found = list(_cells_of_exercises(cells))
    return [_exercise(script, heading, cells[:end], len(found)) for heading, end in found]


def _cells_of_exercises(cells: list[Cell]) -> Iterator[tuple[int, int]]:
    """Yield, for each exercise, the index of its text, and that of the cell after its solution."""
    for index, cell in enumerate(cells):
        if cell.kind == "markdown" and HEADING.search(cell.text):
            kinds = [later.kind for later in cells[index:]]
            yield index, index + kinds.index("solution") + 1


def _exercise(script: Path, heading: int, cells: list[Cell], of_how_many: int) -> Exercise:
    *before, given, solution = (cell for cell in cells if cell.kind != "markdown")
    texts = [cell.text for cell in cells[heading:] if cell.kind == "markdown"]
    text = without_links("\n\n".join(texts))
    title = HEADING.search(text)
    assert title is not None
    number = script.stem[:2] + (f".{title[1]}" if of_how_many > 1 else "")
    text = text[title.end() :].strip()
    return Exercise(script, number, title[2], text, given, solution, tuple(before))


def _statements(cell: Cell) -> list[ast.stmt]:
    """Parse a cell; lines are counted as in the tutorial."""
    tree = ast.parse(cell.text)
    ast.increment_lineno(tree, cell.line - 1)
    return tree.body


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _made_small(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        name = statement.targets[0].id
        if name in SMALL:
            statement.value = ast.copy_location(ast.Constant(SMALL[name]), statement.value)
    return statement


def _import_of(statement: ast.stmt, names: set[str]) -> str:
    """Return the import of some names as a line; nothing if the statement imports none of them."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return ""
    aliases = [alias for alias in statement.names if (alias.asname or alias.name) in names]
    if not aliases:
        return ""
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import(aliases))
    return ast.unparse(ast.ImportFrom(statement.module, aliases, statement.level))
