"""Draw the parts of a training step as bars."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from cifarkit.errors import DataError
from cifarkit.guidance import explains_arguments
from cifarkit.plots.row_words import write_columns, write_names
from cifarkit.plots.style import COLOURS, axes_or_new, style_axes, styled
from cifarkit.plots.words import align_words, write_words
from cifarkit.training.profiling import Profile

__all__ = ["profile"]

PALE = 0.45  # how much ink the bar of a layer has


@explains_arguments("ck.plots.profile")
def profile(profile: Profile, *, ax: Axes | None = None) -> Axes:
    """Draw where the time of a training step goes.

    The parts stand in the order of a step. The layers of the forward pass are paler, below it.

    Args:
        profile: a profile from `ck.profile`.
        ax: where to draw; when None, on a new pyplot figure.

    Returns:
        The axes, to change further.

    Raises:
        DataError: it is not a profile.

    >>> from matplotlib.figure import Figure
    >>> parts = {"data": 0.001, "forward": 0.002, "backward": 0.005}
    >>> measured = Profile("linear", parts, {"1 Linear": 0.002}, 50, 64, "cpu")
    >>> profile(measured, ax=Figure().subplots()).get_title(loc="left")
    'backward takes 62 % of a step of 8.0 ms'
    """
    if not isinstance(profile, Profile):
        raise DataError(
            f"found {type(profile).__name__} in place of a profile; write "
            "ck.plots.profile(ck.profile('baseline', data))"
        )
    rows = profile.rows()
    ax = axes_or_new(ax, 6.4, min(20.0, 1.6 + 0.28 * len(rows)))
    with styled():
        style_axes(ax, grid="x")
        ax.spines["left"].set_visible(False)
        colours = [to_rgba(COLOURS[0], PALE if is_layer else 1.0) for *_, is_layer in rows]
        ax.barh(range(len(rows)), [1e3 * part for _, part, _ in rows], color=colours, height=0.7)
        ax.set_ylim(len(rows) - 0.4, -1.0)  # the first on top, under the name of the column
        note = f"{profile.name} on {profile.device}, {profile.batch_size} images a step"
        notes = (f"{note}; mean of {profile.steps} steps", "pale: layers, within forward")
        title = write_words(ax, _finding(profile), "milliseconds a step", *notes)
        shares = [f"{100 * part / profile.seconds:.1f}" for _, part, _ in rows]
        write_columns(ax, {"per cent": shares})
        write_names(ax, [name for name, *_ in rows])
        align_words(ax, title)
    return ax


def _finding(profile: Profile) -> str:
    name, part = max(profile.parts.items(), key=lambda item: item[1])
    return (
        f"{name} takes {100 * part / profile.seconds:.0f} % of a step of "
        f"{1e3 * profile.seconds:.1f} ms"
    )
