"""The built site in a browser: `mkdocs build --strict && pytest tests/test_site.py --site site`.

Without `--site` nothing of this runs. With it the extra `browser` is needed, and a Chromium.
"""

from __future__ import annotations

import functools
import http.server
import io
import re
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.browser
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ("--disable-gpu", "--disable-background-networking", "--disable-component-update")
PHONE = {"width": 360, "height": 740}
# What is folded is opened, and what is lazy is fetched.
OPEN = """async () => {
  document.querySelectorAll("details").forEach(one => { one.open = true })
  const images = [...document.images]
  images.forEach(one => { one.loading = "eager" })
  await Promise.allSettled(images.map(one => one.decode()))
}"""
LOOK = """async () => {
  const images = [...document.images]
  const wanted = [...document.querySelectorAll("pre > code")].filter(
    one => !one.closest(".no-copy"))
  for (const one of wanted) {  // a button comes with the block into view
    one.scrollIntoView()
    await new Promise(requestAnimationFrame)
  }
  await new Promise(done => setTimeout(done, 100))
  const root = document.documentElement
  return {
    too_wide: root.scrollWidth - root.clientWidth,
    images: images.map(one => ({ name: one.src, alt: one.alt, width: one.naturalWidth })),
    links: [...document.links].map(one => one.href),
    no_button: wanted.filter(one => !one.parentElement.querySelector("button"))
      .map(one => one.innerText.slice(0, 40)),
  }
}"""

GROUND = "getComputedStyle(document.body).backgroundColor"
# The letters of drawings and figures that are lower than 9 pixels, as a phone shows them.
LETTERS = """() => [
  ...[...document.querySelectorAll("article svg text")].filter(one => one.textContent.trim() &&
    one.getClientRects().length).map(one => {
      const { c, d } = one.getScreenCTM()  // also of letters that stand on their side
      return [parseFloat(getComputedStyle(one).fontSize) * Math.hypot(c, d), one.textContent.trim()]
    }),
  ...[...document.querySelectorAll("article img.figure")].filter(one => one.getClientRects().length)
    .map(one => [9 * one.getBoundingClientRect().width / parseFloat(one.style.minWidth), one.src]),
].filter(([height]) => height < 8.95)
  .map(([height, what]) => `${height.toFixed(1)} pixels: ${what}`)"""

# Of a page with an explorer: whether it started, and what a finger or a screen reader misses.
EXPLORER = """() => {
  const started = document.querySelector(".explorer-live")
  const controls = [...document.querySelectorAll(".explorer :is(input, select, button)")].filter(
    control => control.getClientRects().length)
  const target = control => control.type === "checkbox" ? control.closest(".explorer-row") : control
  const named = control => control.labels?.length || control.ariaLabel || control.innerText
  return [
    ...(started ? [] : ["the script has not replaced the still picture"]),
    ...controls.filter(control => target(control).getBoundingClientRect().height < 40)
      .map(control => `lower than 40 pixels: ${control.id || control.innerText}`),
    ...controls.filter(control => !named(control)).map(control => `no name: ${control.outerHTML}`),
  ]
}"""
EXPLORERS = sorted(
    page.stem
    for page in (Path(__file__).parents[1] / "docs" / "explorers").glob("*.md")
    if 'class="explorer"' in page.read_text(encoding="utf-8")
)


class Site(NamedTuple):
    """A folder, and the address under which it is served."""

    folder: Path
    address: str


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class Ids(HTMLParser):
    """Collect what a link may point at inside a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str | None] = {""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for key, value in attrs if key == "id" or (tag, key) == ("a", "name")}


@functools.cache
def ids_of(page: Path) -> set[str | None]:
    parser = Ids()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.found


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Path], Site]]:
    """Return what serves a folder on this machine."""
    servers = []

    def start(folder: Path) -> Site:
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return Site(folder, f"http://127.0.0.1:{server.server_port}/")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, serve: Callable[[Path], Site]) -> Site:
    folder = site_folder(request.config)
    if folder is None:
        pytest.skip("needs --site DIR, the built site")
    return serve(folder)


@pytest.fixture(scope="module")
def chromium(site: Site) -> Iterator[Any]:
    """Start an installed Chromium, or Playwright's own. With --site, one must be there."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        pytest.fail('--site needs Playwright: pip install -e ".[browser]"', pytrace=False)
    installed = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=installed, args=QUIET)
        except Error as error:
            message = "--site needs a Chromium: install one, or say `playwright install chromium`"
            pytest.fail(f"{message}\n{error}", pytrace=False)
        yield browser
        browser.close()


def site_folder(config: pytest.Config) -> Path | None:
    given = config.getoption("--site")
    folder = config.invocation_params.dir / given if given else None
    if folder is not None and not (folder / "index.html").is_file():
        raise pytest.UsageError(f"--site: there is no index.html in {folder}; build the site first")
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page" in metafunc.fixturenames:
        folder = site_folder(metafunc.config)
        pages = sorted(folder.rglob("*.html")) if folder else []
        names = [str(page.relative_to(folder)) for page in pages if folder]
        metafunc.parametrize("page", names or ["any page"])


def faults_of(browser: Any, site: Site, name: str) -> list[str]:
    """Open a page as a phone would, and return what is wrong with it."""
    urls: list[str] = []
    errors: list[str] = []
    elsewhere = re.compile(f"^(?!{re.escape(site.address)}|data:|blob:)")
    with browser.new_context(viewport=PHONE) as context:
        context.on("request", lambda request: urls.append(request.url))
        context.route(elsewhere, lambda route: route.abort())  # told of, not let out
        page = context.new_page()
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(site.address + name, wait_until="networkidle")
        page.evaluate(OPEN)
        seen = page.evaluate(LOOK)
        faults = [f"letters of {small}" for small in page.evaluate(LETTERS)]
    faults += [f"a request leaves this machine: {url}" for url in urls if elsewhere.match(url)]
    faults += [f"an error on the console: {error}" for error in errors]
    if seen["too_wide"] > 0:
        faults.append(f"the page scrolls sideways by {seen['too_wide']} pixels")
    for image in seen["images"]:
        if not image["width"]:
            faults.append(f"an image does not load: {image['name']}")
        if len(image["alt"].split()) < 2:  # a word such as "Figure", or none
            faults.append(f"the alt text {image['alt']!r} does not say what {image['name']} shows")
    faults += [f"no copy button: {code}" for code in seen["no_button"]]
    return faults + [f"a link leads nowhere: {link}" for link in seen["links"] if dead(link, site)]


def dead(link: str, site: Site) -> bool:
    """Say whether a link into the site finds no file, or no place in it."""
    if not link.startswith(site.address):
        return False
    parts = urlsplit(link)
    target = site.folder / unquote(parts.path).lstrip("/")
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return True
    return target.suffix == ".html" and unquote(parts.fragment) not in ids_of(target)


def dark_faults(browser: Any, site: Site, name: str) -> list[str]:
    """Return the figures that do not stand on the dark page as they do on the light one."""
    faults, looks = [], {}
    for scheme in ("light", "dark"):
        with browser.new_context(color_scheme=scheme) as context:
            page = context.new_page()
            page.goto(site.address + name, wait_until="networkidle")
            page.evaluate(OPEN)
            ground = np.array(re.findall(r"\d+", page.evaluate(GROUND))[:3], float)
            assert (ground.mean() > 128) == (scheme == "light"), f"{scheme}: the ground is {ground}"
            figures = [one for one in page.locator("img.figure").all() if one.is_visible()]
            looks[scheme] = [pixels(figure.screenshot()) for figure in figures]
        for number, look in enumerate(looks[scheme], start=1):
            edge = np.concatenate([look[0], look[-1], look[:, 0], look[:, -1]])
            if np.abs(np.median(edge, axis=0) - ground).max() > 6:
                faults.append(f"{scheme}: figure {number} does not stand on the ground of the page")
            elif np.mean(np.abs(look - ground).max(axis=2) > 60) < 0.01:
                faults.append(f"{scheme}: figure {number} is hardly seen")
    if len(looks["light"]) != len(looks["dark"]):
        faults.append("light and dark have not as many figures")
    return faults


def pixels(shot: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), float)


def access_faults(browser: Any, address: str, width: int, scheme: str) -> list[str]:
    """Return what axe-core finds serious or critical on a page."""
    from axe_playwright_python.sync_playwright import Axe

    with browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto(address, wait_until="networkidle")
        found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def explorer_faults(browser: Any, page_file: Path) -> list[str]:
    """Open an explorer from the disk as a phone would, and return what is wrong with it."""
    errors: list[str] = []
    with browser.new_context(viewport=PHONE, has_touch=True) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(f"a script fails: {error}"))
        page.goto(page_file.as_uri(), wait_until="load")
        return errors + page.evaluate(EXPLORER)


def test_a_page_is_sound(chromium: Any, site: Site, page: str) -> None:
    assert faults_of(chromium, site, page) == []


@pytest.mark.parametrize(
    "name", ["index.html", "gallery.html", "results.html", "tutorials/02_look_at_the_data.html"]
)
def test_figures_stay_readable_in_the_dark(chromium: Any, site: Site, name: str) -> None:
    assert dark_faults(chromium, site, name) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium: Any, site: Site, page: str, scheme: str) -> None:
    for width in (1440, PHONE["width"]):
        assert access_faults(chromium, site.address + page, width, scheme) == []


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<main><h1>A page</h1><p>nothing is wrong</main>", None),
        ("<main><h1>A page</h1><p style='color: #aaa'>pale</main>", "color-contrast"),
        ("<main><h1>A page</h1><input></main>", "label"),
    ],
)
def test_what_axe_finds_is_told(
    html: str, fault: str | None, chromium: Any, serve: Callable[[Path], Site], tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(f"<html lang=en>{SOUND}{html}", encoding="utf-8")
    found = access_faults(chromium, serve(tmp_path).address, 1440, "light")
    assert any(fault in one for one in found) if fault else found == []


# What a student would type, and the pages of which one must be the first result.
FIRST_RESULTS = {
    "confusion matrix": "tutorials/05_where_it_fails",
    "register": "how-to/your-own-model",
    "early stopping": "tutorials/04_reading_the_curves",
    "learning rate": "tutorials/04_reading_the_curves reference/glossary",
    "data augmentation": "tutorials/07_augmentation",
    "transforms": "how-to/your-own-pictures",
    "loss function": "tutorials/13_losses_and_imbalance",
    "resume": "how-to/go-on-with-a-run",
    "save model": "how-to/export-weights",
    "install": "install",
    "GPU": "how-to/colab-and-gpus",
    "CUDA out of memory": "troubleshooting",
    "Windows": "install troubleshooting",
    "DataLoader": "reference/glossary how-to/your-own-pictures",
    "TensorBoard": "how-to/track-with-another-tool",
    "pretrained": "how-to/fine-tune",
    "ImageNet": "explanation/what-is-not-here",
    "class imbalance": "tutorials/13_losses_and_imbalance",
    "hyperparameter": "how-to/tune",
    "momentum": "reference/glossary",
}


@pytest.mark.parametrize("query", FIRST_RESULTS)
def test_the_first_result_of_a_search_is_the_right_page(
    query: str, chromium: Any, site: Site
) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(site.address, wait_until="networkidle")
        box = page.locator(".md-search__input")
        box.fill(query)
        box.press("End")  # the search listens to keys
        results = page.locator(".md-search-result__link")
        results.first.wait_for()
        first = results.first.evaluate("link => link.href")
    found = urlsplit(first).path.removeprefix("/").removesuffix(".html")
    assert found in FIRST_RESULTS[query].split()


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_works_from_the_disk_and_under_a_finger(
    chromium: Any, site: Site, name: str
) -> None:
    assert explorer_faults(chromium, site.folder / "explorers" / f"{name}.html") == []


@pytest.mark.parametrize(("stride", "side"), [(1, 14), (3, 5)])
def test_the_pointer_chooses_the_output_under_it(
    chromium: Any, site: Site, stride: int, side: int
) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto((site.folder / "explorers" / "convolution.html").as_uri())
        page.get_by_label("Stride").fill(str(stride))
        for column in range(side):
            for at in (0.05, 0.5, 0.95):
                box = page.locator(".convolution-map .sheet").bounding_box()
                x = box["x"] + box["width"] * (column + at) / side
                page.mouse.move(x, box["y"] + box["height"] / 2 / side)
                said = page.locator(".explorer-result").first.inner_text()
                assert said.startswith(f"Output in row 1, column {column + 1}:"), at


def test_a_weight_that_is_not_a_number_changes_nothing(chromium: Any, site: Site) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto((site.folder / "explorers" / "convolution.html").as_uri())
        weight, kernel = (
            page.get_by_label("weight, row 1, column 1"),
            page.get_by_label("Kernel", exact=True),
        )
        weight.fill("")
        weight.blur()
        assert (weight.input_value(), kernel.input_value()) == ("-1", "vertical")
        weight.fill("3.5")
        weight.blur()
        assert (weight.input_value(), kernel.input_value()) == ("3.5", "")


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<button style='height: 40px'>Draw", None),
        ("<button style='height: 39px'>Draw", "lower than 40 pixels: Draw"),
        ("<input style='height: 40px'>", "no name"),
        ("<script>null.x</script>", "a script fails"),
    ],
)
def test_a_fault_of_an_explorer_is_found(
    html: str, fault: str | None, chromium: Any, tmp_path: Path
) -> None:
    page = tmp_path / "index.html"
    page.write_text(f"<div class='explorer explorer-live'>{html}</div>", encoding="utf-8")
    found = explorer_faults(chromium, page)
    assert any(fault in one for one in found) if fault else found == []
    page.write_text(f"<div class='explorer'>{html}</div>", encoding="utf-8")
    assert "the script has not replaced the still picture" in explorer_faults(chromium, page)


SOUND = "<title>Sound</title><link rel=icon href='data:,'>"
DARK = "body { background: #222 }"


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<p>nothing is wrong", None),
        ("<img src=//example.org/a.png alt='a dot on white'>", "a request leaves this machine"),
        ("<script>fetch('https://example.org')</script>", "a request leaves this machine"),
        ("<script>null.x</script>", "an error on the console"),
        ("<p style='width: 400px'>wide", "scrolls sideways"),
        ("<details><p style='width: 400px'>wide</details>", "scrolls sideways"),
        ("<article><svg viewBox='0 0 9 9' width=8><text font-size=9>a", "letters of 8.0 pixels"),
        ("<article><svg viewBox='0 0 9 9' width=9 height=9><text font-size=9>a", None),
        ("<img src=none.png alt='a dot on white'>", "an image does not load"),
        ("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt=Figure>", "the alt text"),
        ("<pre><code>x = 1</code></pre>", "no copy button"),
        ("<a href=none.html>", "a link leads nowhere"),
        ("<a href=#none>", "a link leads nowhere"),
    ],
)
def test_a_fault_is_found(
    html: str, fault: str | None, chromium: Any, serve: Callable[[Path], Site], tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(SOUND + html, encoding="utf-8")
    found = faults_of(chromium, serve(tmp_path), "index.html")
    assert any(fault in one for one in found) if fault else found == []


@pytest.mark.parametrize(
    ("dark", "fault"),
    [
        ("img { filter: invert(1) hue-rotate(180deg); mix-blend-mode: lighten }", None),
        ("img { opacity: 1 }", "dark: figure 1 does not stand on the ground of the page"),
        ("img { opacity: 0 }", "dark: figure 1 is hardly seen"),
        ("img { display: none }", "light and dark have not as many figures"),
    ],
)
def test_a_figure_that_is_lost_in_the_dark_is_found(
    dark: str, fault: str | None, chromium: Any, serve: Callable[[Path], Site], tmp_path: Path
) -> None:
    figure = Image.new("L", (80, 40), "white")
    figure.paste(100, (20, 10, 60, 30))
    figure.save(tmp_path / "figure.png")
    style = f"body {{ background: #fff }} @media (prefers-color-scheme: dark) {{ {DARK} {dark} }}"
    html = f"{SOUND}<style>{style}</style><img class=figure src=figure.png alt=''>"
    (tmp_path / "index.html").write_text(html, encoding="utf-8")
    assert dark_faults(chromium, serve(tmp_path), "index.html") == ([fault] if fault else [])
