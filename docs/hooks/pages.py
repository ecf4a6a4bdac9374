"""What the build of the site adds to the pages as they are written.

Tutorials become pages and notebooks; pages with `execute: true` get the recorded output of their
code; two pages of the reference are written by the program, tables of measured numbers from
their records, and the contributors' page from CONTRIBUTING.md and the test of the house; pages
about the code show the source itself; and no page may load anything from another host.
"""

from __future__ import annotations

import base64
import re
import struct
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import house
import percent
import recording
import records
import source
import tables
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import meta

FENCE = re.compile(
    r"^(?P<indent> *)```python[^\n]*\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
EXCUSED = re.compile(r"^<!-- not run: \S.* -->\s*\Z", re.MULTILINE)  # what stands before a fence
WRITTEN = {
    "<!-- command line -->": tables.command_line,
    "<!-- variants -->": tables.variants,
    "<!-- the house -->": house.table,
    "<!-- picture of the house -->": source.picture,
    "<!-- CONTRIBUTING.md -->": house.contributing,
}
COLAB = "https://colab.research.google.com/github"
SIDE_BY_SIDE = 2  # pages that are run at the same time, on one core each
RECORD = re.compile(r"^<!-- record: (\w+) -->$", re.MULTILINE)
COMPARISON = re.compile(r"^<!-- comparison: ([\w-]+) -->$", re.MULTILINE)
SOURCE = re.compile(r"^<!-- source: (\S+) -->$", re.MULTILINE)
# A link that a reader may click is fine; what a browser fetches by itself is not.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>"
    r"|<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preload|preconnect|icon|manifest))"
    r"[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page, a notebook and the script for each tutorial; run what pages are to be run."""
    for script in sorted((recording.ROOT / "tutorials").glob("*.py")):
        for ending, content in _tutorial(script, config.extra.get("repository") or "").items():
            name = f"tutorials/{script.stem}{ending}"
            files.append(File.generated(config, name, content=content))
    _record_side_by_side(files)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what the program writes, and the outputs of pages with `execute: true`."""
    for marker, write in WRITTEN.items():
        if marker in markdown:
            markdown = markdown.replace(marker, write())
    markdown = RECORD.sub(lambda found: records.table(found[1]), markdown)
    markdown = COMPARISON.sub(lambda found: records.comparison(found[1]), markdown)
    markdown = SOURCE.sub(lambda found: source.shown(found[1]), markdown)
    if not page.meta.get("execute"):
        return markdown
    return _with_outputs(markdown, page.file, config, files)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site whose pages would fetch something from another host."""
    for path in Path(config.site_dir).rglob("*.html"):
        if found := FETCHED.search(path.read_text(encoding="utf-8")):
            raise PluginError(f"{path.name} would fetch from another host: {found[0]}")


def python_fences(markdown: str) -> list[str]:
    """Return the code of the Python fences of a page that are to be run, in order."""
    return [textwrap.dedent(found["code"]) for found in FENCE.finditer(markdown) if _runs(found)]


def _runs(fence: re.Match[str]) -> bool:
    return EXCUSED.search(fence.string[: fence.start()]) is None


def _record_side_by_side(files: Files) -> None:
    """Run the pages that have no recording yet; what renders them then finds the recordings.

    A page that looks at a clock is left for later: it has the machine to itself.
    """

    def record(file: File) -> None:
        markdown, about = meta.get_data(file.content_string)
        if about.get("execute") and "perf_counter" not in markdown:
            _recorded(markdown, file)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(record, files.documentation_pages()))  # raises what a page raised


def _recorded(markdown: str, file: File) -> recording.Recording:
    try:
        return recording.record(python_fences(markdown))
    except RuntimeError as error:
        raise PluginError(f"{file.src_uri}: {error}") from error


def _tutorial(script: Path, repository: str) -> dict[str, str]:
    source = script.read_text(encoding="utf-8")
    cells = percent.parse(source)
    notebook = f"{script.stem}.ipynb"
    downloads = (
        f"This page is a program: take it along as a [notebook]({notebook}) or as a "
        f"[script]({script.stem}.py)"
    )
    if repository:
        place = f"{repository.removeprefix('https://github.com/')}/blob/gh-pages/tutorials"
        downloads += f", or [open it in Colab]({COLAB}/{place}/{notebook})"
    title, _, rest = percent.to_markdown(cells).partition("\n")
    return {
        ".md": f"---\nexecute: true\n---\n\n{title}\n\n{downloads}.\n{rest}",
        ".ipynb": percent.to_notebook(cells, repository),
        ".py": source,
    }


def _with_outputs(markdown: str, file: File, config: MkDocsConfig, files: Files) -> str:
    recorded = _recorded(markdown, file)
    outputs = iter(recorded.outputs)
    numbers = iter(range(1, 1_000))

    def add(fence: re.Match[str]) -> str:
        if not _runs(fence):
            return fence[0]
        blocks = _blocks(next(outputs), numbers, file, config, files)
        added = textwrap.indent("\n\n".join(blocks), fence["indent"])
        return f"{fence[0]}\n\n{added}".rstrip()

    return f"{FENCE.sub(add, markdown)}\n\n---\n\n*{recorded.origin}*\n"


def _blocks(
    output: recording.Output, numbers: Iterator[int], file: File, config: MkDocsConfig, files: Files
) -> Iterator[str]:
    """Give one cell's output as Markdown; its figures become files beside the page."""
    if text := output.text.rstrip():
        yield f"``` {{ .text .output .no-copy }}\n{text}\n```"
    for figure in output.figures:
        stem = Path(file.src_uri).stem
        name = f"{stem}/figure-{next(numbers)}.png"
        place = (Path(file.src_uri).parent / name).as_posix()
        png = base64.b64decode(figure.png)
        files.append(File.generated(config, place, content=png))
        shows = re.sub(r"([\[\]*_`\\])", r"\\\1", figure.shows)
        width, height = struct.unpack(">II", png[16:24])  # so that pages do not jump as they load
        style = f"width: {figure.inches:g}in; aspect-ratio: {width} / {height}"
        look = f'{{ .figure style="{style}" loading=lazy }}'
        yield f"[![{shows}]({name}){look}]({name})"  # small screens open it in full
