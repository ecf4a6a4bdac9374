"""The confusion matrix: what each class was called."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, to_hex

from cifarkit.arguments import checked
from cifarkit.evaluation.evaluation import Evaluation, Floats, check_evaluation
from cifarkit.evaluation.mistakes import confused_pairs
from cifarkit.guidance import explains_arguments
from cifarkit.plots.contrast import ink_on
from cifarkit.plots.lettering import (
    PITCH,
    broken,
    fitted_labels,
    width_of,
)
from cifarkit.plots.style import GRID, PLAIN, axes_or_new, layout, size_of, style_axes, styled
from cifarkit.plots.words import align_words, write_words

__all__ = ["confusion", "confusion_finding", "row_shares"]

BLANK = 0.01  # shares below are not written
FULL = 0.2  # the scale of colours reaches at least to this share, so that small errors stay pale
STRONG = "#b00020"  # so dark that white digits can be read in it
DIAGONAL = "#ececec"
SHADES = LinearSegmentedColormap.from_list("errors", ["white", STRONG])


def row_shares(evaluation: Evaluation) -> Floats:
    """Return the confusion matrix as shares of each true class (row), float64 `classes classes`.

    Each row sums to 1; the row of a class without images is 0.

    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    >>> row_shares(Evaluation(logits, np.array([0, 1, 1]), ("cat", "dog"))).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    totals = evaluation.confusion.sum(axis=1, keepdims=True)
    shares: Floats = evaluation.confusion / np.maximum(totals, 1)
    return shares


def confusion_finding(evaluation: Evaluation) -> str:
    """Describe the accuracy and the two most frequent mistakes."""
    pairs = confused_pairs(evaluation, k=2)
    if not pairs:
        return f"All {len(evaluation):,} images right"
    totals = dict(zip(evaluation.classes, evaluation.confusion.sum(axis=1), strict=True))
    worst = ", ".join(
        f"{pair.true} called {pair.predicted} ({pair.count:,} of {totals[pair.true]:,})"
        for pair in pairs
    )
    return f"{100 * evaluation.accuracy:.1f} % right; most often wrong: {worst}"


@explains_arguments("ck.plots.confusion")
def confusion(evaluation: Evaluation, *, counts: bool = False, ax: Axes | None = None) -> Axes:
    """Draw the confusion matrix as a heatmap of the mistakes.

    Only mistakes have a colour. The diagonal stays grey and holds the recall in bold.

    Args:
        evaluation: the evaluation of an image set.
        counts: whether to write numbers of images in place of shares in per cent.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further.

    Raises:
        DataError: it is not an evaluation, or `counts` is neither True nor False.

    >>> from matplotlib.figure import Figure
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    >>> evaluation = Evaluation(logits, np.array([0, 1, 1]), ("cat", "dog"))
    >>> confusion(evaluation, ax=Figure().subplots()).get_title(loc="left")
    '66.7 % right; most often wrong: dog called cat (1 of 2)'
    """
    check_evaluation(evaluation)
    checked("counts", counts, bool)
    classes = len(evaluation.classes)
    side = min(20.0, max(4.8, 2.2 + 0.48 * classes))
    ax = axes_or_new(ax, side, side)
    with styled():
        style_axes(ax)
        mesh = _draw_cells(ax, evaluation)
        ax.set_ylabel("true class")
        unit = "number of images" if counts else "per cent of its row, blank under 1"
        note = f"bold: {'right answers' if counts else 'recall'}; n = {len(evaluation):,}"
        finding = confusion_finding(evaluation)
        title = write_words(ax, finding, f"predicted class; {unit}", note)
        _write_classes(ax, evaluation.classes)
        align_words(ax, title)
        _write_numbers(ax, mesh, evaluation, counts=counts)
    return ax


def _draw_cells(ax: Axes, evaluation: Evaluation) -> QuadMesh:
    import seaborn as sns  # slow to import, and only here

    errors = row_shares(evaluation)
    np.fill_diagonal(errors, 0.0)
    ax.set_facecolor(DIAGONAL)
    sns.heatmap(
        errors,
        mask=np.eye(len(errors), dtype=bool),
        cmap=SHADES,
        vmin=0.0,
        vmax=max(FULL, float(errors.max())),
        cbar=False,
        linewidths=min(0.8, 16 / len(errors)),  # or the lines would hide many classes
        linecolor=GRID,
        square=True,
        xticklabels=False,
        yticklabels=False,
        ax=ax,
    )
    ax.set_anchor("W")
    mesh = ax.collections[-1]
    assert isinstance(mesh, QuadMesh)
    return mesh


def _write_classes(ax: Axes, classes: tuple[str, ...]) -> None:
    """Write the names at both sides; below they stand upright where a column is too narrow."""
    side = min(layout(ax))
    labels = fitted_labels(classes, side=side, across=0.45 * side, square=True)
    middles = np.arange(len(labels.names)) + 0.5
    style: dict[str, Any] = {"fontsize": labels.size, "linespacing": PITCH, **PLAIN}
    ax.set_yticks(middles, labels.names, rotation=0, va="center", **style)
    width, _ = layout(ax)
    column = 0.94 * width / len(labels.names)
    words = [broken(name, column, labels.size) for name in classes]
    flat = all(
        word.count("\n") < 2 and word.split() == name.split()
        for word, name in zip(words, classes, strict=True)
    )
    ax.set_xticks(middles, words if flat else labels.names, rotation=0 if flat else 90, **style)


def _write_numbers(ax: Axes, mesh: QuadMesh, evaluation: Evaluation, *, counts: bool) -> None:
    shares = row_shares(evaluation)
    numbers = evaluation.confusion if counts else np.rint(100 * shares).astype(np.int64)
    shown = evaluation.confusion > 0 if counts else shares >= BLANK
    shown |= np.diag(evaluation.confusion.sum(axis=1) > 0)  # a recall of 0 is worth showing
    width, _ = size_of(ax)
    cell = width / len(shares)
    texts = {index: f"{numbers[index]:,}" for index in np.ndindex(shares.shape) if shown[index]}
    widest = max((width_of(text, 1.0, "bold") for text in texts.values()), default=1.0)
    size = min(9.0, 0.5 * cell, 0.85 * cell / widest)
    mesh.update_scalarmappable()
    faces = np.asarray(mesh.get_facecolor()).reshape(*shares.shape, 4)
    for (row, column), text in texts.items():
        right = row == column
        background = DIAGONAL if right else to_hex(tuple(faces[row, column].tolist()))
        ax.text(
            column + 0.5,
            row + 0.5,
            text,
            fontsize=size,
            fontweight="bold" if right else "normal",
            color=ink_on(background),
            ha="center",
            va="center",
        )
