"""Learning curves: the numbers of each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cifarkit.guidance import explains_arguments
from cifarkit.plots.contrast import darkened
from cifarkit.plots.lettering import LEADING, width_of
from cifarkit.plots.line_ends import End, write_ends
from cifarkit.plots.series import (
    Line,
    chance_of,
    collect_lines,
    finding_of,
    mixes_of,
    train_loss_of,
)
from cifarkit.plots.style import (
    COLOURS,
    INK,
    QUIET,
    SMALL,
    axes_or_new,
    size_of,
    style_axes,
    styled,
)
from cifarkit.plots.words import align_words, write_words

if TYPE_CHECKING:
    from cifarkit.runs.history import History
    from cifarkit.runs.run import Run

__all__ = ["curves"]

DASHES = {"train": "--", "val": "-", "test": ":", "": "-"}
COLOUR_OF = {"train": COLOURS[1], "val": COLOURS[0], "test": COLOURS[3], "": COLOURS[0]}
RING: dict[str, Any] = {"markersize": 9, "markeredgewidth": 1.6, "markerfacecolor": "none"}
SAMPLE, APART = 2.6, 1.6  # of the legend, in font sizes: the sample of a line, and to the next


@explains_arguments("ck.plots.curves")
def curves(
    runs: History | Run | Mapping[str, History | Run | Sequence[History | Run]],
    column: str = "loss",
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the learning curves of runs, epoch by epoch.

    Train is dashed, val solid, and test dotted, where it was tracked. If there is a single run,
    each also has its own colour. A ring marks the best epoch on val. Several seeds under one name
    are drawn as their mean with its 95 % t-interval, over the epochs that all of them reached. The
    limits of the axes follow the runs' own numbers, and cut off a band that reaches further.

    Args:
        runs: a history, a run, or `{name: history | run | list of them over several seeds}`.
        column: `"loss"` or `"accuracy"`, for the columns of train, val and test, or any one column
            of the history. Accuracies are shown in per cent. Val and test losses are cross-entropy
            in nats (natural logarithms); the train loss is the recipe's, and the legend names both
            if they differ.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further.

    Raises:
        DataError: there is nothing to draw, or no such column.

    >>> from matplotlib.figure import Figure
    >>> from cifarkit.runs.history import History
    >>> history = History([{"epoch": 1, "val_loss": 2.0}, {"epoch": 2, "val_loss": 1.5}])
    >>> curves(history, ax=Figure().subplots()).get_title(loc="left")
    'Lowest val loss: 1.5000 in epoch 2'
    """
    lines = collect_lines(runs, column)
    own_loss = train_loss_of(runs) if column.endswith("loss") else ""
    is_own = own_loss and {line.split for line in lines} == {"train"}
    chance = None if is_own else chance_of(runs, column)  # that of cross-entropy
    ax = axes_or_new(ax, 6.4, 4.0)
    with styled():
        style_axes(ax, grid="y")
        ends = _draw_lines(ax, lines)
        low, high = _set_limits(ax, lines)
        note = ""
        has_train = "train" in {line.split for line in lines}
        of = " of cross-entropy" if own_loss and has_train else ""
        if chance is not None and low <= chance * _scale(column) <= high:
            ends.append(_draw_chance(ax, chance, column, lines, of))
        elif chance is not None:
            note = f"chance{of}: {_chance_text(chance, column)}"
        ax.set_ylabel(_axis_label(column))
        room = _write_legend(ax, lines, _keys(own_loss, mixes_of(runs)))
        title = write_words(ax, finding_of(lines, column), "epoch", note, _band(lines), above=room)
        write_ends(ax, ends)
        align_words(ax, title)
    return ax


def _scale(column: str) -> float:
    return 100.0 if column.endswith("accuracy") else 1.0


def _axis_label(column: str) -> str:
    words = column.replace("_", " ")
    return f"{words} in %" if column.endswith("accuracy") else words


def _chance_text(chance: float, column: str) -> str:
    return f"{100 * chance:.1f} %" if column.endswith("accuracy") else f"{chance:.3f}"


def _draw_lines(ax: Axes, lines: Sequence[Line]) -> list[End]:
    names = list(dict.fromkeys(line.name for line in lines))
    ends = []
    for line in lines:
        colour = (
            COLOURS[names.index(line.name) % len(COLOURS)]
            if len(names) > 1
            else COLOUR_OF[line.split]
        )
        scale = _scale(line.column)
        mean, reach = scale * line.mean, scale * line.reach
        # A single epoch makes no line: a dot shows it.
        dot = "o" if len(line.epochs) == 1 else ""
        style: dict[str, Any] = {"color": colour, "linestyle": DASHES[line.split], "marker": dot}
        ax.plot(line.epochs, mean, linewidth=1.8, markersize=4, label=_label(line, names), **style)
        if len(line.values) > 1:
            ax.fill_between(
                line.epochs, mean - reach, mean + reach, color=colour, alpha=0.18, linewidth=0
            )
        if line.split == "val":
            best = float(line.epochs[line.best]), float(mean[line.best])
            ax.plot(*best, "o", markeredgecolor=colour, label="best", clip_on=False, **RING)
        # With several names one label for each name is enough: the dashes show the split.
        if len(names) == 1 or line is _chief(lines, line.name):
            end = float(line.epochs[-1]), float(mean[-1])
            ends.append(End(*end, _label(line, names), darkened(colour)))
    return ends


def _label(line: Line, names: Sequence[str]) -> str:
    if len(names) > 1:
        return line.name
    return line.split or line.column.replace("_", " ")


def _chief(lines: Sequence[Line], name: str) -> Line:
    """Return the line to write the name at: val if there is one."""
    named = [line for line in lines if line.name == name]
    return next((line for line in named if line.split == "val"), named[0])


def _set_limits(ax: Axes, lines: Sequence[Line]) -> tuple[float, float]:
    """Set the limits around every seed's numbers, and return the limits of the values."""
    low, high = (
        bound(_scale(line.column) * float(bound(line.values.flat)) for line in lines)
        for bound in (min, max)
    )
    # A constant column still needs a scale.
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    first, last = (bound(int(bound(line.epochs)) for line in lines) for bound in (min, max))
    room = min(0.5, 0.02 * (last - first)) or 0.5  # less than one: there is no epoch 0
    ax.set(xlim=(first - room, last + room), ylim=(low - margin, high + margin))
    ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    return low - margin, high + margin


def _draw_chance(ax: Axes, chance: float, column: str, lines: Sequence[Line], of: str) -> End:
    height = chance * _scale(column)
    ax.axhline(height, color=QUIET, linewidth=1.0, label="chance")
    last = max(float(line.epochs[-1]) for line in lines)
    return End(last, height, f"chance{of} {_chance_text(chance, column)}", QUIET)


def _keys(own_loss: str, mixes: str) -> dict[str, str]:
    """Return what the legend says of each split."""
    train = ", ".join([own_loss] * bool(own_loss) + [f"on {mixes} pictures"] * bool(mixes))
    others = ": cross-entropy" if own_loss else ""
    return {
        "train": f"train: {train}" if train else "train",
        "val": f"val{others}",
        "test": f"test{others} (observed, not for choosing)",
    }


def _write_legend(ax: Axes, lines: Sequence[Line], keys: Mapping[str, str]) -> float:
    """Write the legend above the axes, and return its height in points."""
    splits = {line.split for line in lines}
    several = len({line.name for line in lines}) > 1
    samples = []
    for split in [split for split in keys if split in splits]:
        style: dict[str, Any] = {"linestyle": DASHES[split], "linewidth": 1.8, "label": keys[split]}
        samples.append(Line2D([], [], color=QUIET if several else COLOUR_OF[split], **style))
    if "val" in splits:
        colour = QUIET if several else COLOUR_OF["val"]
        ring = Line2D([], [], linestyle="", marker="o", color=colour, label="best val", **RING)
        samples.insert(1 + ("train" in splits), ring)
    if not samples:
        return 0.0
    width, _ = size_of(ax)
    texts = [width_of(str(sample.get_label()), SMALL) for sample in samples]
    total = sum(texts) + SMALL * (SAMPLE + 0.6 + APART) * len(samples)
    columns = len(samples) if total < width else 2
    ax.legend(
        handles=samples,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.3,
        borderpad=0.0,
        columnspacing=APART,
        fontsize=SMALL,
        frameon=False,
        handlelength=SAMPLE,
        handletextpad=0.6,
        labelcolor=INK,
        labelspacing=0.3,
    ).set_in_layout(False)  # the title has its own room
    rows = -(-len(samples) // columns)
    return rows * SMALL * LEADING + 4


def _band(lines: Sequence[Line]) -> str:
    seeds = sorted({len(line.values) for line in lines} - {1})
    if not seeds:
        return ""
    count = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    return f"band: 95 % t-interval of the mean over {count} seeds"
