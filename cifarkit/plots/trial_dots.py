"""The trials of a search: val accuracy against one of the settings."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments
from cifarkit.plots.style import COLOURS, INK, axes_or_new, style_axes, styled
from cifarkit.plots.words import align_words, write_words
from cifarkit.tables import percent
from cifarkit.tuning.page import Search
from cifarkit.tuning.space import Choice, LogRange
from cifarkit.tuning.wording import as_setting

__all__ = ["search", "search_finding"]

KEY = "dot: val accuracy of one trial; ring: the highest, which chose the setting"


def search_finding(search: Search) -> str:
    """Return whether tuning helped, with the accuracy to report."""
    if search.helped:
        start = f"Tuning helped: {100 * search.pair.difference:+.1f} points on test"
    else:
        start = "Tuning is not shown to help"
    return f"{start}; {percent(search.accuracy)} right on fresh seeds"


@explains_arguments("ck.plots.search")
def search(search: Search, path: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the val accuracy of each trial against one setting, and the accuracy to report.

    Args:
        search: from `ck.search`.
        path: the setting, a path of its space; the first when None.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further.

    Raises:
        DataError: it is not a search, or its space has no such path.

    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> import cifarkit as ck
    >>> data = ck.load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> found = ck.search("linear", data, {"optimizer.lr": ck.LogRange(1e-4, 1e-1)}, trials=2,
    ...                   seeds=1, epochs=1, run_dir=tempfile.mkdtemp(), show_progress=False)
    >>> search(found, ax=Figure().subplots()).get_title(loc="left")
    'Tuning is not shown to help; ... % right on fresh seeds'
    """
    path = _checked(search, path)
    ax = axes_or_new(ax, 6.4, 4.0)
    with styled():
        style_axes(ax, grid="y")
        _draw_trials(ax, search, path)
        level = 100 * search.accuracy
        ax.axhline(level, color=INK, linewidth=1.0, linestyle="--", label="to report")
        ax.set_ylabel("accuracy in %")
        failed = sum(trial.val_accuracy is None for trial in search.outcomes)
        notes = [KEY, "dashed: its mean test accuracy over fresh seeds, the number to report"]
        noun = "trial" if failed == 1 else "trials"
        notes += [f"not drawn: {failed} {noun} that failed"] if failed else []
        is_log = isinstance(search.space[path], LogRange)
        axis = f"{path}, on a log scale" if is_log else path
        title = write_words(ax, search_finding(search), axis, *notes)
        align_words(ax, title)
    return ax


def _checked(search: Any, path: str | None) -> str:
    if not isinstance(search, Search):
        raise DataError(f"search draws what ck.search returns, found {type(search).__name__}")
    known = list(search.space)
    if path is not None and path not in known:
        raise DataError(f"the search did not vary {path!r}; it varied {', '.join(known)}")
    return known[0] if path is None else path


def _draw_trials(ax: Axes, search: Search, path: str) -> None:
    dimension = search.space[path]
    trials = [trial for trial in search.outcomes if trial.val_accuracy is not None]
    settings = [trial.setting[path] for trial in trials]
    if isinstance(dimension, Choice):
        texts = [as_setting(value) for value in dimension.values]
        ax.set_xticks(range(len(texts)), texts)
        ax.set_xlim(-0.5, len(texts) - 0.5)
        settings = [texts.index(as_setting(value)) for value in settings]
    if isinstance(dimension, LogRange):
        ax.set_xscale("log")
        # The usual labels are formulas, and formulas are off in this style.
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    accuracies = [100 * (trial.val_accuracy or 0.0) for trial in trials]
    dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "clip_on": False}
    ax.plot(settings, accuracies, color=COLOURS[0], markersize=5, label="trials", **dots)
    won = trials.index(search.winner)
    ring: dict[str, Any] = {"markersize": 9, "markerfacecolor": "none", "markeredgecolor": INK}
    ax.plot(settings[won], accuracies[won], label="highest", **ring, **dots)
