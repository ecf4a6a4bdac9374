"""`cifarkit data`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cifarkit.cli.data_source import load_source
from cifarkit.errors import RunFolderError

if TYPE_CHECKING:
    from cifarkit.data.splits import Splits

__all__ = ["data"]


def data(
    source: Annotated[
        str, typer.Argument(help="auto, cifar10, synthetic, or an image folder.")
    ] = "auto",
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw a random sample into a picture file.")
    ] = None,
) -> None:
    """Load a data source, fetching it if need be, and say what is in it."""
    if figure is not None and figure.exists():
        raise RunFolderError(
            f"there is a {str(figure)!r} already, and nothing is overwritten; choose another name"
        )
    splits = load_source(source)
    typer.echo(f"{splits.name}, fingerprint {splits.fingerprint}\n{_table(splits)}")
    if figure is not None:
        from matplotlib.figure import Figure

        from cifarkit import plots

        canvas = Figure(layout="constrained")
        plots.samples(splits.train, figure=canvas)
        try:
            canvas.savefig(figure)
        except (OSError, ValueError) as error:  # ValueError: an ending matplotlib does not know
            raise RunFolderError(
                f"the figure {str(figure)!r} cannot be written: {error}"
            ) from error
        typer.echo(f"a random sample of train is in {figure}")


def _table(splits: Splits) -> str:
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    width = max(len(name) for name in (*splits.classes, "class", "total"))
    lines = [f"{'class':<{width}}" + "".join(f"{part:>9}" for part in parts)]
    counts = {
        part: [0] * len(splits.classes)
        if images is None
        else images.labels.bincount(minlength=len(splits.classes)).tolist()
        for part, images in parts.items()
    }
    for label, name in enumerate(splits.classes):
        lines.append(f"{name:<{width}}" + "".join(f"{counts[part][label]:>9,}" for part in parts))
    lines.append(f"{'total':<{width}}" + "".join(f"{sum(counts[part]):>9,}" for part in parts))
    return "\n".join(lines)
