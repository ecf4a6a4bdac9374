"""The rendered site, without a browser: `python docs/build.py`, `mkdocs build --strict`, and then
`pytest tests/test_rendered.py --site site`.

Whatever has rendered it: nothing here knows a theme. Without `--site` only the checks themselves
are checked.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# A link that a reader may click is fine; what a browser fetches by itself is not.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>"
    r"|<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preload|preconnect|icon|manifest))"
    r"[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>"
)
LEFT = re.compile(
    r"<!-- (?:record|comparison|source|variants|command line|version|the house|gallery|costs"
    r"|results|missing results|verdicts|chart|diagram|links of)\b"
)


@pytest.fixture
def pages(request: pytest.FixtureRequest) -> list[Path]:
    given = request.config.getoption("--site")
    if not given:
        pytest.skip("needs --site DIR, the rendered site")
    return sorted((request.config.invocation_params.dir / given).rglob("*.html"))


def test_no_page_fetches_anything_from_another_host(pages: list[Path]) -> None:
    assert len(pages) > 1
    found = {page.name: FETCHED.findall(page.read_text(encoding="utf-8")) for page in pages}
    assert {name: fetched for name, fetched in found.items() if fetched} == {}


def test_no_marker_is_left_unwritten(pages: list[Path]) -> None:
    found = {page.name: LEFT.findall(page.read_text(encoding="utf-8")) for page in pages}
    assert {name: left for name, left in found.items() if left} == {}


def test_pages_that_would_fetch_from_another_host_are_found() -> None:
    for bad in (
        '<script src="https://example.org/a.js"></script>',
        "<img alt=x src=//example.org/a.png>",
        '<link rel="stylesheet" href="http://example.org/a.css">',
        '<link href="https://example.org" rel="preconnect">',
    ):
        assert FETCHED.search(bad), bad
    for good in (
        '<script src="assets/a.js"></script>',
        '<link rel="canonical" href="https://example.org/">',
        '<a href="https://example.org/">a paper</a>',
    ):
        assert not FETCHED.search(good), good
