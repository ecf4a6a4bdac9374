"""The folder that `cifarkit compare` writes next to the runs."""

from __future__ import annotations

from pathlib import Path

from cifarkit.comparison.comparison import Comparison
from cifarkit.errors import RunFolderError
from cifarkit.report.artefacts import as_png
from cifarkit.report.comparison_page import draw_comparison
from cifarkit.report.page import write_report
from cifarkit.storage.atomic import write_bytes, write_text

__all__ = ["save_comparison"]


def save_comparison(comparison: Comparison, folder: Path) -> None:
    """Write the tables, the figures and the page of a comparison into a new folder.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    texts = {
        "comparison.txt": f"{comparison}\n",
        "comparison.md": comparison.to_markdown(),
        "comparison.tex": comparison.to_latex(),
        "comparison.json": comparison.to_json() + "\n",
    }
    try:
        folder.mkdir(parents=True)
        for name, text in texts.items():
            write_text(folder / name, text)
        comparison.to_csv(folder / "runs.csv")
        for name, figure in draw_comparison(comparison).items():
            write_bytes(folder / "figures" / f"{name}.png", as_png(figure))
        write_report(comparison, path=folder / "report.html")
    except OSError as error:
        raise RunFolderError(f"the folder {str(folder)!r} cannot be written: {error}") from error
