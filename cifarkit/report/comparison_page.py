"""The contents of the page of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from cifarkit import plots
from cifarkit.comparison.outcomes import Outcome
from cifarkit.comparison.wording import (
    changes,
    ensembles,
    heading,
    limitations,
    notes,
    pair_table,
    variant_table,
)
from cifarkit.models.variant import Variant
from cifarkit.plots.comparison_findings import comparison_finding
from cifarkit.recipes.recipe import Recipe
from cifarkit.report.artefacts import PIXELS_PER_INCH, WIDTH, sign
from cifarkit.report.rendering import rendered
from cifarkit.report.words import Words
from cifarkit.runs.run import Run
from cifarkit.tables import Table, duration

if TYPE_CHECKING:
    from cifarkit.comparison.comparison import Comparison

__all__ = ["comparison_page", "draw_comparison"]


def comparison_page(comparison: Comparison, words: Words) -> str:
    """Return the page of a comparison as HTML, with the author and the notes."""
    environments: list[dict[str, Any]] = []
    for outcome in comparison.outcomes:
        if outcome.facts.environment not in environments:
            environments.append(outcome.facts.environment)
    return rendered(
        "comparison.html.jinja",
        figures=draw_comparison(comparison),
        title=f"{_list(comparison)} on {comparison.data['name']}",
        subtitle=heading(comparison),
        words=words,
        data=comparison.data["name"],
        comparison=comparison,
        finding=comparison_finding(comparison),
        notes=list(notes(comparison)),
        variant_table=variant_table(comparison),
        pair_table=pair_table(comparison),
        verdicts=list(zip(comparison.pairs, comparison.verdicts, strict=True)),
        changes=changes,
        ensembles=ensembles(comparison),
        recipes=_by_recipe(comparison.variants),
        run_table=_run_table(comparison),
        environments=environments,
        limitations=limitations(comparison),
    )


def draw_comparison(comparison: Comparison) -> dict[str, Figure]:
    """Draw every figure of a comparison, without pyplot.

    Returns:
        The figures by name, each with a line below it that names its origin.
    """
    figures = {"comparison": _rows_figure(len(comparison.variants))}
    plots.comparison(comparison, ax=figures["comparison"].subplots())
    if comparison.pairs:
        figures["differences"] = _rows_figure(len(comparison.pairs))
        plots.differences(comparison, ax=figures["differences"].subplots())
    runs = _runs_with_history(comparison)
    if runs:
        for column in ("loss", "accuracy"):
            figures[column] = Figure(
                figsize=(WIDTH, 3.6), layout="constrained", dpi=PIXELS_PER_INCH
            )
            plots.curves(runs, column, ax=figures[column].subplots())
    for figure in figures.values():
        sign(figure, heading(comparison))
    return figures


def _rows_figure(rows: int) -> Figure:
    return Figure(
        figsize=(WIDTH, min(20.0, 2.4 + 0.5 * rows)), layout="constrained", dpi=PIXELS_PER_INCH
    )


def _runs_with_history(comparison: Comparison) -> dict[str, list[Run]]:
    """Return runs without their networks: curves need only history and classes."""
    runs: dict[str, list[Run]] = {}
    for variant in comparison.variants:
        for outcome in comparison.of(variant.name):
            if len(outcome.history):
                run = Run(
                    None,
                    classes=comparison.data["classes"],
                    recipe=variant.recipe,
                    seed=outcome.seed,
                    history=outcome.history,
                )
                runs.setdefault(variant.name, []).append(run)
    return runs


def _list(comparison: Comparison) -> str:
    names = [variant.name for variant in comparison.variants]
    if len(names) > 4:
        return f"{len(names)} variants"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _by_recipe(variants: tuple[Variant, ...]) -> list[tuple[Recipe, list[Variant]]]:
    """Group the variants by recipe, so that each recipe is shown once."""
    groups: dict[Recipe, list[Variant]] = {}
    for variant in variants:
        groups.setdefault(variant.recipe, []).append(variant)
    return list(groups.items())


def _run_table(comparison: Comparison) -> Table:
    head = ("run", "test accuracy", "val accuracy", "epochs", "time", "test was evaluated")
    names = [variant.name for variant in comparison.variants]
    return Table(head, [_run_row(run) for name in names for run in comparison.of(name)])


def _run_row(run: Outcome) -> list[str]:
    last = run.history[-1] if len(run.history) else {}
    val = last.get("val_accuracy")
    return [
        f"{run.variant.name}, seed {run.seed}",
        f"{100 * run.accuracy:.1f} %",
        "-" if val is None else f"{100 * val:.1f} %",
        str(len(run.history)),
        duration(run.seconds),
        str(run.looks),
    ]
