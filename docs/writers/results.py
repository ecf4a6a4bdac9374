"""How each variant does: sections of a page, charts and sentences, written from the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cifarkit as ck
from cifarkit.tables import in_markdown
from writers import matrices, planes, records, seed_dots, takeaways
from writers.studies import STUDIES, Study, by_own_recipe, recorded

__all__ = ["chart", "costs", "missing", "sections", "verdicts"]


def verdicts(name: str) -> str:
    """List what a study allows to say, and under which conditions."""
    return f"{_against_the_first(Study(name))}\n\n*{records.conditions(name)}.*"


def chart(words: str) -> str:
    """Return one chart of a study for any page.

    Args:
        words: the study and the chart, such as `assignment accuracies`.
    """
    name, _, which = words.partition(" ")
    return _side_by_side([_chart(Study(name), which)])


def costs() -> str:
    """Draw what each variant costs and scores, each trained by its own recipe."""
    rows = {name: study.variants[name] for name, study in by_own_recipe().items()}
    return _side_by_side(planes.cost(rows, column) for column in ("parameters", "multiply_adds"))


def missing() -> str:
    """Say which built-in variants and which studies have no record."""
    without = [f"`{name}`" for name in ck.list_models() if name not in by_own_recipe()]
    names = {study.name for study in recorded()}
    studies = [about.title for name, about in STUDIES.items() if name not in names]
    sentences = []
    if without:
        sentences.append(f"Not recorded yet: {', '.join(without)}.")
    if studies:
        sentences.append(f"Studies that are not recorded yet: *{'*, *'.join(studies)}*.")
    return " ".join(sentences) or "Every built-in variant has a record."


def sections() -> str:
    """Return a section for each study: what to take away, its charts, its verdicts, all numbers."""
    return "\n\n".join(part for study in recorded() for part in _section(study))


def _section(study: Study) -> Iterator[str]:
    yield f"## {study.about.title}"
    yield f"{study.about.why} Recorded on {records.conditions(study.name)}."
    yield "**What to take away**"
    yield _points(takeaways.sentences(study))
    yield f"**Verdicts, each against `{next(iter(study.variants))}`**"
    yield _against_the_first(study)
    yield _side_by_side(_chart(study, which) for which in _drawable(study))
    if study.details is None:
        yield "*The learning curves and the mistakes of these runs were not kept.*"
    elif "train_loss" in study.about.charts:
        yield "### Mistakes"
        yield _side_by_side(matrices.confusion(study, name) for name in study.variants)
    yield '??? note "All numbers, verdicts and limits of this study"'
    yield "\n".join(f"    {line}".rstrip() for line in records.comparison(study.name).splitlines())


def _against_the_first(study: Study) -> str:
    """List the verdicts on each variant and the first of the study."""
    first = next(iter(study.variants))
    return _points(
        in_markdown(pair["text"]) for pair in study.pairs if first in (pair["a"], pair["b"])
    )


def _drawable(study: Study) -> Iterator[str]:
    for which in study.about.charts:
        has_curves = study.details is not None or which not in planes.CURVES
        if has_curves and (study.is_of_one_machine or which != "seconds"):
            yield which


def _chart(study: Study, which: str) -> str:
    if which in planes.CURVES:
        return planes.curves(study, which)
    if which in planes.COSTS:
        return planes.cost(study.variants, which)
    return {"accuracies": seed_dots.accuracies, "differences": seed_dots.differences}[which](study)


def _side_by_side(drawn: Iterable[str]) -> str:
    return "\n".join(['<div class="charts">', *drawn, "</div>"])


def _points(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
