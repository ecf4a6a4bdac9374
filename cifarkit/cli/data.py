"""`cifarkit data show`, where `show` may be left out, and `cifarkit data fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cifarkit.cli.data_source import load_source
from cifarkit.cli.foreign_lines import Command
from cifarkit.cli.saying import echo
from cifarkit.errors import DataError, RunFolderError
from cifarkit.storage.atomic import check_new

__all__ = ["data"]


class _ShowUnlessNamed(TyperGroup):
    """Reads `cifarkit data pets` as `cifarkit data show pets`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_named = bool(args) and args[0] in (*self.commands, "--help")
        return super().parse_args(ctx, args if is_named else ["show", *args])


data = typer.Typer(cls=_ShowUnlessNamed)


@data.callback()
def _about() -> None:
    """Show what is in a data source, or fetch one.

    `cifarkit data SOURCE` is enough to show it.
    """


@data.command(cls=Command)
def show(
    source: Annotated[
        str, typer.Argument(help="auto, cifar10, cifar100, synthetic, or an image folder.")
    ] = "auto",
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw a random sample into a picture file.")
    ] = None,
    near_duplicates: Annotated[
        bool,
        typer.Option(
            "--near-duplicates",
            help="Search test pictures that look like one of train or val; reports then name them.",
        ),
    ] = False,
) -> None:
    """Load a data source, fetch it if needed, and print what is in it."""
    from cifarkit.data.leaks import count_leaks
    from cifarkit.data.near_duplicates import near_duplicates as search

    if figure is not None:
        check_new(figure)
    splits = load_source(source)
    echo(f"{splits.name}, fingerprint {splits.fingerprint}\n{splits.table().as_text()}")
    echo(f"{count_leaks(splits):,} test pictures are in train or val, too")
    if near_duplicates:
        echo(search(splits))
    if figure is not None:
        from matplotlib.figure import Figure

        from cifarkit import plots

        canvas = Figure(layout="constrained")
        plots.samples(splits.train, figure=canvas)
        try:
            canvas.savefig(figure)
        except (OSError, ValueError) as error:  # ValueError: an unknown file ending
            raise RunFolderError(
                f"the figure {str(figure)!r} cannot be written: {error}"
            ) from error
        echo(f"a random sample of train is in {figure}")


@data.command(cls=Command)
def fetch(
    name: Annotated[str, typer.Argument(help="cifar10 or cifar100.")] = "cifar10",
    archive_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Use an archive from elsewhere on this disk."),
    ] = None,
) -> None:
    """Fetch a data set into its folder; an interrupted download resumes."""
    from cifarkit.data.archives import ARCHIVES
    from cifarkit.data.cifar import find
    from cifarkit.data.download import take
    from cifarkit.storage.folders import data_folder

    if name not in ARCHIVES:
        raise DataError(f"{name!r} cannot be fetched; allowed are {', '.join(ARCHIVES)}")
    archive = ARCHIVES[name]
    if archive_file is None:
        folder = find(archive)
    else:
        folder = data_folder()
        take(archive, archive_file, folder)
    echo(f"{archive.title} is in {folder / archive.folder}")
