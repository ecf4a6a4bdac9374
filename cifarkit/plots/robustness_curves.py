"""Accuracy against the severity of corruptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from cifarkit.data.corruptions.corrupt import FAMILIES, SEVERITIES
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Floats
from cifarkit.evaluation.robustness import Robustness, check_robustness
from cifarkit.guidance import explains_arguments
from cifarkit.plots.contrast import darkened
from cifarkit.plots.line_ends import End, write_ends
from cifarkit.plots.style import COLOURS, INK, QUIET, SMALL, axes_or_new, style_axes, styled
from cifarkit.plots.words import align_words, write_words
from cifarkit.tables import percent

__all__ = ["robustness"]

COLOUR_OF = {
    kind.__name__: colour
    for kinds, colour in zip(FAMILIES.values(), COLOURS, strict=False)
    for kind in kinds
}
MEAN = "mean of all kinds"


@explains_arguments("ck.plots.robustness")
def robustness(
    robustness: Robustness | Mapping[str, Robustness], *, ax: Axes | None = None
) -> Axes:
    """Draw how the accuracy falls as corruptions become more severe.

    For one network all kinds of corruption are drawn, each family in a colour, and their mean. For
    several networks only the mean is drawn, one line for each network.

    Args:
        robustness: from `ck.evaluate_corrupted`, or `{name: robustness}` of several networks.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further.

    Raises:
        DataError: it is something else, or the networks saw different corruptions.

    >>> from matplotlib.figure import Figure
    >>> import numpy as np
    >>> from cifarkit.evaluation.evaluation import Evaluation
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0]], np.float32)
    >>> right, half = (Evaluation(logits, np.array(labels), ("cat", "dog"))
    ...                for labels in ([0, 1], [0, 0]))
    >>> fog = Robustness(right, {"fog": (right, right, right, half, half)})
    >>> print(robustness(fog, ax=Figure().subplots()).get_title(loc="left"))
    From 100.0 % right to 50.0 % at severity 5; fog costs ...
    """
    named = robustness if isinstance(robustness, Mapping) else {"": robustness}
    _check(named)
    if isinstance(robustness, Mapping):
        lines, title = _of_networks(robustness), _finding_of_several(robustness)
    else:
        lines, title = _of_kinds(robustness), _finding(robustness)
    ax = axes_or_new(ax, 6.4, 4.6)
    with styled():
        style_axes(ax, grid="y")
        ends = []
        for name, (accuracies, colour, width) in lines.items():
            ax.plot((0, *SEVERITIES), 100 * accuracies, color=colour, linewidth=width, label=name)
            ends.append(End(SEVERITIES[-1], 100 * accuracies[-1], name, darkened(colour)))
        ends += _draw_chance(ax, named)
        if not isinstance(robustness, Mapping):
            _write_families(ax, robustness)
        ax.set_ylabel("accuracy in %")
        words = write_words(ax, title, "severity; 0: unchanged images", *_notes(named))
        write_ends(ax, ends)
        align_words(ax, words)
    return ax


Lines = dict[str, tuple[Floats, str, float]]  # by name: accuracies, colour and width


def _of_kinds(robustness: Robustness) -> Lines:
    lines: Lines = {
        name: (robustness.accuracies(name), COLOUR_OF[name], 1.2) for name in robustness.corrupted
    }
    if len(lines) > 1:
        lines[MEAN] = (robustness.mean_accuracies, INK, 2.6)
    return lines


def _write_families(ax: Axes, robustness: Robustness) -> None:
    """Write the colours of the families in the upper corner, where few lines are."""
    shown = {COLOUR_OF[name] for name in robustness.corrupted}
    for family, colour in zip(FAMILIES, COLOURS, strict=False):
        if colour in shown:
            ax.plot([], [], color=colour, label=family)
    handles = ax.get_lines()[-len(shown) :]
    ax.legend(handles=handles, loc="upper right", frameon=False, fontsize=SMALL)


def _of_networks(named: Mapping[str, Robustness]) -> Lines:
    return {
        name: (each.mean_accuracies, COLOURS[number % len(COLOURS)], 1.8)
        for number, (name, each) in enumerate(named.items())
    }


def _draw_chance(ax: Axes, named: Mapping[str, Robustness]) -> list[End]:
    """Draw what guessing gets right, and set the limits so that it is always seen."""
    classes = {len(each.clean.classes) for each in named.values()}
    ax.set(xlim=(-0.1, SEVERITIES[-1] + 0.1), ylim=(0, 102), xticks=(0, *SEVERITIES))
    if len(classes) > 1:
        return []
    chance = 100 / classes.pop()
    ax.axhline(chance, color=QUIET, linewidth=1.0, label="chance")
    return [End(SEVERITIES[-1], chance, f"chance {chance:.1f} %", QUIET)]


def _finding(robustness: Robustness) -> str:
    means = robustness.mean_accuracies
    costs = {
        name: float(robustness.clean.accuracy - robustness.accuracies(name)[-1])
        for name in robustness.corrupted
    }
    worst = max(costs, key=lambda name: costs[name])
    mean = " on average" if len(costs) > 1 else ""
    return (
        f"From {percent(means[0])} right to {percent(means[-1])}{mean} at severity 5; "
        f"{worst} costs most, {100 * costs[worst]:.1f} points"
    )


def _finding_of_several(named: Mapping[str, Robustness]) -> str:
    best = max(named, key=lambda name: named[name].accuracy)
    return (
        f"Mean accuracy on corrupted images: highest for {best}, {percent(named[best].accuracy)}"
        if len(named) > 1
        else f"Mean accuracy on corrupted images: {percent(named[best].accuracy)}"
    )


def _notes(named: Mapping[str, Robustness]) -> list[str]:
    first, *_ = named.values()
    kinds = f"{len(first.corrupted)} kind{'s' * (len(first.corrupted) != 1)} of corruption"
    counts = sorted({len(each.clean) for each in named.values()})
    images = " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))
    seeds = "; one training each, so another seed may change the order" if len(named) > 1 else ""
    return [f"{kinds}, {images} images{seeds}"]


def _check(named: Mapping[str, Any]) -> None:
    if not named:
        raise DataError("there is nothing to draw: the dict of networks is empty")
    for each in named.values():
        check_robustness(each)
    kinds = [set(each.corrupted) for each in named.values()]
    if any(each != kinds[0] for each in kinds):
        raise DataError(
            "the networks were evaluated on different corruptions; pass the same names= to "
            "ck.evaluate_corrupted for all of them"
        )
