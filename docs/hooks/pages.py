"""What the build of the site adds to the pages as they are written.

Tutorials become pages and notebooks; pages with `execute: true` get the recorded output of their
code; two pages of the reference are written by the program, tables of measured numbers from
their records, and the contributors' page from CONTRIBUTING.md and the test of the house; and no
page may load anything from another host.
"""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import house
import percent
import recording
import records
import tables
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

FENCE = re.compile(
    r"^(?P<indent> *)```python[^\n]*\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
EXCUSED = re.compile(r"^<!-- not run: \S.* -->\s*\Z", re.MULTILINE)  # what stands before a fence
WRITTEN = {
    "<!-- command line -->": tables.command_line,
    "<!-- variants -->": tables.variants,
    "<!-- the house -->": house.table,
    "<!-- CONTRIBUTING.md -->": house.contributing,
}
RECORD = re.compile(r"^<!-- record: (\w+) -->$", re.MULTILINE)
# A link that a reader may click is fine; what a browser fetches by itself is not.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>"
    r"|<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preload|preconnect|icon|manifest))"
    r"[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page, a notebook and the script itself for each tutorial."""
    for script in sorted((recording.ROOT / "tutorials").glob("*.py")):
        for ending, content in _tutorial(script).items():
            name = f"tutorials/{script.stem}{ending}"
            files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what the program writes, and the outputs of pages with `execute: true`."""
    for marker, write in WRITTEN.items():
        if marker in markdown:
            markdown = markdown.replace(marker, write())
    markdown = RECORD.sub(lambda found: records.table(found[1]), markdown)
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


def _tutorial(script: Path) -> dict[str, str]:
    source = script.read_text(encoding="utf-8")
    cells = percent.parse(source)
    downloads = (
        f"This page is a program: take it along as a [notebook]({script.stem}.ipynb) or as a "
        f"[script]({script.stem}.py)."
    )
    title, _, rest = percent.to_markdown(cells).partition("\n")
    return {
        ".md": f"---\nexecute: true\n---\n\n{title}\n\n{downloads}\n{rest}",
        ".ipynb": percent.to_notebook(cells),
        ".py": source,
    }


def _with_outputs(markdown: str, file: File, config: MkDocsConfig, files: Files) -> str:
    try:
        recorded = recording.record(python_fences(markdown))
    except RuntimeError as error:
        raise PluginError(f"{file.src_uri}: {error}") from error
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
        files.append(File.generated(config, place, content=base64.b64decode(figure.png)))
        title = re.sub(r"([\[\]*_`\\])", r"\\\1", figure.title)
        look = f'{{ .figure style="width: {figure.inches:g}in" loading=lazy }}'
        yield f"[![{title}]({name}){look}]({name})"  # small screens open it in full
