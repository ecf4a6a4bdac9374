"""Write the pages of the site: `python docs/build.py`, then `mkdocs build --strict`.

What is written by hand in `docs/` goes to `build/pages`, with what a program can say better filled
in: tutorials become pages, notebooks and scripts; pages with `execute: true` get the recorded
output of their code; the command line, the variants and the house describe themselves; tables and
charts of measured numbers come from their records; the live network gets the script of the report.
What stands there afterwards is plain Markdown with its pictures, which any program that understands
mkdocs.yml can render.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from writers import (
    charts,
    diagrams,
    gallery,
    house,
    percent,
    recording,
    records,
    results,
    source,
    tables,
)
from writers.fences import executes, python_fences, with_outputs

ROOT = Path(__file__).parents[1]
WRITTEN_BY_HAND = ROOT / "docs"
PAGES = ROOT / "build" / "pages"
PROGRAM = {"build.py", "writers"}  # of this folder, what no page is
WRITTEN: dict[str, Callable[[], str]] = {
    "<!-- command line -->": tables.command_line,
    "<!-- variants -->": tables.variants,
    "<!-- costs -->": results.costs,
    "<!-- missing results -->": results.missing,
    "<!-- results -->": results.sections,
    "<!-- gallery -->": gallery.thumbnails,
    "<!-- the house -->": house.table,
    "<!-- picture of the house -->": source.picture,
    "<!-- CONTRIBUTING.md -->": house.contributing,
    "<!-- CHANGELOG.md -->": house.changelog,
    "<!-- version -->": house.version,
}
MADE_OF: dict[re.Pattern[str], Callable[[str], str]] = {
    re.compile(r"^<!-- record: (\w+) -->$", re.MULTILINE): records.table,
    re.compile(r"^<!-- chart: (\w+) -->$", re.MULTILINE): charts.chart,
    re.compile(r"^<!-- verdicts: ([\w-]+) -->$", re.MULTILINE): results.verdicts,
    re.compile(r"^<!-- chart: ([\w-]+ \w+) -->$", re.MULTILINE): results.chart,
    re.compile(r"^<!-- diagram: ([\w-]+) -->$", re.MULTILINE): diagrams.diagram,
    re.compile(r"^<!-- links of: (\w+) -->$", re.MULTILINE): gallery.links_of,
    re.compile(r"^<!-- source: (\S+) -->$", re.MULTILINE): source.shown,
}
LIVE = ("live.css", "network.js", "page.js")  # of the live network: the same as in a report
COLAB = "https://colab.research.google.com/github"
SIDE_BY_SIDE = 2  # pages that are run at the same time, on one core each

Site = dict[str, bytes]  # the files of the site's source, by their paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=PAGES, help="the folder to write")
    write(build(_repository()), parser.parse_args().to)


def build(repository: str = "") -> Site:
    """Return every file of the site's source.

    Args:
        repository: `https://github.com/OWNER/NAME`, for links to Colab; empty for none.
    """
    site = {
        path.relative_to(WRITTEN_BY_HAND).as_posix(): path.read_bytes()
        for path in sorted(WRITTEN_BY_HAND.rglob("*"))
        if path.is_file() and _is_of_the_site(path.relative_to(WRITTEN_BY_HAND))
    }
    for script in sorted((ROOT / "tutorials").glob("*.py")):
        for ending, text in tutorial(script, repository).items():
            site[f"tutorials/{script.stem}{ending}"] = text.encode()
    for name in LIVE:
        live = ROOT / "cifarkit" / "report" / "live" / name
        site[f"explorers/live/{name}"] = live.read_bytes()
    pages = {name: text.decode() for name, text in site.items() if name.endswith(".md")}
    record_side_by_side(pages)
    for name, markdown in pages.items():
        text, figures = with_outputs(name, filled(markdown))
        site |= {name: text.encode(), **figures}
    return site


def write(site: Site, folder: Path) -> None:
    """Make a folder hold these files and no others; what has not changed is left as it is.

    So a server that watches the folder renders the changed pages alone.
    """
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder).as_posix() not in site:
            path.unlink()
    for name, content in site.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def filled(markdown: str) -> str:
    """Put what the program writes in the places of its markers."""
    for marker, written in WRITTEN.items():
        if marker in markdown:
            markdown = markdown.replace(marker, written())
    for marker_of, made in MADE_OF.items():
        markdown = marker_of.sub(lambda found, made=made: made(found[1]), markdown)
    return markdown


def record_side_by_side(pages: dict[str, str]) -> None:
    """Run the pages that have no recording yet; what fills them in then finds the recordings.

    A page that looks at a clock is left for later: it has the machine to itself.
    """

    def record(page: tuple[str, str]) -> None:
        name, markdown = page
        if executes(markdown) and "perf_counter" not in markdown:
            recording.record(python_fences(markdown), name)

    longest_first = sorted(pages.items(), key=lambda page: -len(page[1]))  # none ends alone
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(record, longest_first))  # raises what a page raised


def tutorial(script: Path, repository: str) -> dict[str, str]:
    """Return the page, the notebook and the script of a tutorial, by the ending of their names."""
    text = script.read_text(encoding="utf-8")
    cells = percent.parse(text)
    notebook = f"{script.stem}.ipynb"
    downloads = (
        f"This page is a program: take it along as a [notebook]({notebook}) or as a "
        f"[script]({script.stem}.py)"
    )
    if repository:
        path = f"{repository.removeprefix('https://github.com/')}/blob/gh-pages/tutorials"
        downloads += f", or [open it in Colab]({COLAB}/{path}/{notebook})"
    title, _, rest = percent.to_markdown(cells).removeprefix("# ").partition("\n")
    number = int(script.stem.partition("_")[0])
    page = f"# {number}. {title}\n\n{downloads}.\n{rest}\n{gallery.figures_of(text)}"
    return {
        ".md": f"---\nexecute: true\n---\n\n{page.rstrip()}\n",
        ".ipynb": percent.to_notebook(cells, repository),
        ".py": text,
    }


def _is_of_the_site(path: Path) -> bool:
    if path.parts[0] in PROGRAM or "__pycache__" in path.parts:
        return False
    return not (path.parts[0] == "records" and path.suffix == ".md")  # shown by the pages


def _repository() -> str:
    """Return the address that mkdocs.yml knows; it has tags of its own, which are passed over."""

    class Loader(yaml.SafeLoader):
        """Reads what is plain."""

    def plain(_loader: Any, _tag: str, _node: Any) -> None:
        return None

    Loader.add_multi_constructor("", plain)
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    return config["extra"]["repository"] or ""


if __name__ == "__main__":
    sys.exit(main())
