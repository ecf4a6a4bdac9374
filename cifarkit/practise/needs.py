"""Which statements of a program the code after it needs, found by the names that they use."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator

__all__ = ["binds", "needed", "uses"]

ACTS = (ast.Expr, ast.For, ast.While, ast.With, ast.If, ast.Try, ast.AugAssign, ast.Assign)


def needed(statements: Iterable[ast.stmt], names: set[str]) -> list[ast.stmt]:
    """Return the statements that these names need, in their order.

    That is what binds one of them, or acts on one that is bound, such as `model.eval()`, and what
    those need in turn. What registers a model is always needed, since models are named by strings.
    What only prints is left out.

    >>> program = ast.parse("x = [1]; y = 2; x.append(3); print(x)").body
    >>> [ast.unparse(statement) for statement in needed(program, {"x"})]
    ['x = [1]', 'x.append(3)']
    """
    found: list[ast.stmt] = []
    wanted = set(names)
    modules = set().union(*(binds(it) for it in statements if _imports(it)))
    for statement in reversed(list(statements)):
        acts = _registers(statement) or _acted_on(statement) & (wanted - modules)
        if acts or binds(statement) & wanted:
            wanted |= uses(statement)
            found.append(statement)
    return found[::-1]


def binds(statement: ast.stmt) -> set[str]:
    """Return the names that a statement of a module gives a value.

    >>> sorted(binds(ast.parse("for x in range(3): y = x").body[0]))
    ['x', 'y']
    """
    return {
        symbol.get_name()
        for symbol in _table(statement).get_symbols()
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
    }


def uses(statement: ast.stmt) -> set[str]:
    """Return the names of the module that a statement reads, inside its functions too.

    >>> sorted(uses(ast.parse("def f(x): return x + y").body[0]))
    ['y']
    """
    table = _table(statement)
    here = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    return here.union(*(_globals(below) for below in table.get_children()))


def _globals(table: symtable.SymbolTable) -> set[str]:
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return names.union(*(_globals(below) for below in table.get_children()))


def _table(statement: ast.stmt) -> symtable.SymbolTable:
    return symtable.symtable(ast.unparse(statement), "a statement", "exec")


def _imports(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom)


def _registers(statement: ast.stmt) -> bool:
    calls = [statement.value] if isinstance(statement, ast.Expr) else []
    calls += getattr(statement, "decorator_list", [])
    return any("register_model(" in ast.unparse(call) for call in calls)


def _acted_on(statement: ast.stmt) -> set[str]:
    """Return the names whose values a statement may change."""
    if isinstance(statement, ast.Assign):  # an item is set, or a callback listens
        return {*_owners(statement.targets), *_callbacks(statement)}
    prints = isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("print(")
    return uses(statement) if isinstance(statement, ACTS) and not prints else set()


def _callbacks(statement: ast.stmt) -> set[str]:
    keywords = (node for node in ast.walk(statement) if isinstance(node, ast.keyword))
    given = (uses(ast.Expr(it.value)) for it in keywords if it.arg == "callbacks")
    return set().union(*given)


def _owners(targets: Iterable[ast.expr]) -> Iterator[str]:
    for target in targets:
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
        if isinstance(target, ast.Name):
            yield target.id
