"""What `--data` means, and which data a saved run needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cifarkit.cli.saying import say
from cifarkit.errors import DataError, DownloadError
from cifarkit.warn import warn

if TYPE_CHECKING:
    from cifarkit.data.splits import Splits
    from cifarkit.runs.run import Run

__all__ = ["load_for_run", "load_like", "load_source"]

BANNER = """\
**********************************************************************
*  NOT CIFAR-10. It is not on this disk, and a download failed.      *
*  This run uses the embedded SYNTHETIC pictures: good for practice, *
*  but no number or figure from it says anything about CIFAR-10.     *
**********************************************************************"""


def load_source(source: str) -> Splits:
    """Load what `--data` names; `auto` falls back to the synthetic set, with a banner.

    Raises:
        DataError: there is no such source.
    """
    from cifarkit.data.cifar import load_cifar10
    from cifarkit.data.sources import load_data
    from cifarkit.data.synthetic import load_synthetic

    if source != "auto":
        return load_data(source)
    try:
        return load_cifar10()
    except DownloadError as error:
        say(f"cifarkit: {error}\n{BANNER}")
        return load_synthetic()


def load_for_run(run: Run, source: str | None) -> Splits:
    """Load the data a run was trained on, or the data that `--data` names instead.

    Warns when that data has other contents than the run's, or another split.

    Raises:
        DataError: the run's source has changed, or was split differently.

    It also raises the errors of `load_like`.
    """
    splits, recorded = load_like(run, source), run.facts.data
    if splits.fingerprint != recorded["fingerprint"]:
        _report_other_data(splits, recorded, is_named=source is not None)
    return splits


def load_like(run: Run, source: str | None) -> Splits:
    """Load pictures of a run's source, or of the one that `--data` names, however it is split.

    Raises:
        DataError: the run was trained on arrays, which have no name, or the source has other
            classes.
    """
    recorded = run.facts.data
    wanted = source if source is not None else recorded["source"]
    if not wanted:
        raise DataError(
            f"the run in {str(run.folder)!r} was trained on arrays; name the data: --data SOURCE"
        )
    splits = load_source(wanted)
    if splits.classes != run.classes:
        raise DataError(
            f"{splits.name!r} has the classes {', '.join(splits.classes)}; the run was trained on "
            f"{', '.join(run.classes)}. Give the path of that data with --data"
        )
    return splits


def _report_other_data(splits: Splits, recorded: dict[str, Any], *, is_named: bool) -> None:
    sizes = "{train:,} train, {val:,} val, {test:,} test images".format
    message = (
        f"the data {splits.name!r} ({sizes(**splits.describe())}) is not what the run was trained "
        f"on ({recorded['name']!r}: {sizes(**recorded)}), or it is split differently"
    )
    if not is_named:
        raise DataError(
            f"{message}; it was loaded with other settings, so load it in Python in the same way, "
            "or name other data with --data"
        )
    warn(f"{message}: its test set may hold images the run has learnt from")
