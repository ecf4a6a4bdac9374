"""What `--data` means, and which data an old run wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cifarkit.cli.download_bar import shown
from cifarkit.cli.saying import say
from cifarkit.errors import DataError, DownloadError
from cifarkit.warn import warn

if TYPE_CHECKING:
    from cifarkit.data.splits import Splits
    from cifarkit.runs.run import Run

__all__ = ["load_for_run", "load_source"]

BANNER = """\
**********************************************************************
*  NOT CIFAR-10. It is not on this disk and the network gave none.   *
*  This run uses the embedded SYNTHETIC pictures: good for practice, *
*  but no number or figure from it says anything about CIFAR-10.     *
**********************************************************************"""


def load_source(source: str) -> Splits:
    """Load what `--data` names; `auto` falls back to the synthetic set, loudly.

    Raises:
        DataError: there is no such source.
    """
    from cifarkit.data.cifar import load_cifar10, load_cifar100
    from cifarkit.data.sources import load_data
    from cifarkit.data.synthetic import load_synthetic

    try:
        with shown() as listener:
            if source in ("auto", "cifar10"):
                return load_cifar10(listener=listener)
            if source == "cifar100":
                return load_cifar100(listener=listener)
    except DownloadError as error:
        if source != "auto":
            raise
        say(f"cifarkit: {error}\n{BANNER}")
        return load_synthetic()
    return load_data(source)


def load_for_run(run: Run, source: str | None) -> Splits:
    """Load the data a run was trained on, or what `--data` names in its place.

    Warns when what `--data` names has not the run's contents or split.

    Raises:
        DataError: the run was trained on arrays, which no name stands for; or its source is not
            what it was, or was split otherwise.
    """
    recorded = run.facts["data"]
    wanted = source if source is not None else recorded["source"]
    if not wanted:
        raise DataError(
            f"the run in {str(run.folder)!r} was trained on arrays; say with --data what to use"
        )
    splits = load_source(wanted)
    if splits.classes != run.classes:
        raise DataError(
            f"{splits.name!r} has the classes {', '.join(splits.classes)}; the run was trained on "
            f"{', '.join(run.classes)}. Say with --data where that data is"
        )
    if splits.fingerprint != recorded["fingerprint"]:
        _tell_of_other_data(splits, recorded, is_named=source is not None)
    return splits


def _tell_of_other_data(splits: Splits, recorded: dict[str, Any], *, is_named: bool) -> None:
    sizes = "{train:,} train, {val:,} val, {test:,} test images".format
    found = (
        f"the data {splits.name!r} ({sizes(**splits.describe())}) is not what the run was trained "
        f"on ({recorded['name']!r}: {sizes(**recorded)}), or it is split otherwise"
    )
    if not is_named:
        raise DataError(
            f"{found}; it was loaded with other settings, so load it in Python in the same way, "
            "or say with --data what to use in its place"
        )
    warn(
        f"{found}: its test set may hold images the run has learnt from",
    )
