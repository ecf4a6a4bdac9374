"""`cifarkit models`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cifarkit.cli.options import AsJson, ImportFile, import_models
from cifarkit.cli.saying import echo
from cifarkit.tables import Table

__all__ = ["models"]


def models(
    name: Annotated[str | None, typer.Argument(help="Show the layers of this model.")] = None,
    as_json: AsJson = False,
    imported: ImportFile = None,
) -> None:
    """List the models, or show one: its layers, and how it differs from the baseline."""
    import_models(imported)
    if name is None:
        echo(_list(as_json))
    else:
        echo(_show(name, as_json))


def _list(as_json: bool) -> str:
    from cifarkit.models.registry import registry

    if as_json:
        rows = [
            {"name": name, "summary": variant.summary, "recipe": variant.recipe.to_json()}
            for name, variant in registry.items()
        ]
        return json.dumps(rows)
    names = [(name, variant.summary) for name, variant in registry.items()]
    return Table((), names, align="l").as_text()


def _show(name: str, as_json: bool) -> str:
    from cifarkit.models.registry import get_variant
    from cifarkit.models.summary import summary

    variant = get_variant(name)
    table = summary(name)
    if as_json:
        return json.dumps(
            {
                "name": name,
                "summary": variant.summary,
                "source": variant.source,
                "recipe": variant.recipe.to_json(),
                "parameters": table.parameters,
                "multiply_adds": table.multiply_adds,
            }
        )
    lines = [f"{name}: {variant.summary}", f"defined in {variant.source}", str(table)]
    differences = variant.differs_from(get_variant("baseline"))
    if differences:
        lines.append("differs from baseline in:")
        lines += [
            f"  {factor}: {ours}, not {theirs}" for factor, (theirs, ours) in differences.items()
        ]
    return "\n".join([*lines, repr(variant.recipe)])
