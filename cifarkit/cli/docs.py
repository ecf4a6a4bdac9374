"""`cifarkit docs`."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import typer

from cifarkit.cli.saying import echo, say

__all__ = ["docs"]

PACKAGE = Path(__file__).parents[1]
SITES = (PACKAGE / "site", PACKAGE.parent / "site")  # in a wheel, and in a checkout


def docs() -> None:
    """Open the documentation in a browser; it needs no network.

    The address is printed, too, for a machine without a browser.
    """
    page = next((site / "index.html" for site in SITES if (site / "index.html").is_file()), None)
    if page is None:
        say(  # without the line of an error that this very command explains it
            "cifarkit: the documentation is not part of this installation; in a checkout, "
            '`pip install -e ".[docs]" && python docs/build.py && mkdocs build` makes it'
        )
        raise typer.Exit(1)
    echo(page.as_uri())
    webbrowser.open(page.as_uri())
