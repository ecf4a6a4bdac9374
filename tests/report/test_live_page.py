"""A page that holds its network; the last tests need `--site`, and look at it in a browser."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import cifarkit as ck
from cifarkit.cli.main import app
from cifarkit.report import run_page
from cifarkit.report.live.program import live_program, rounded_copy
from cifarkit.report.live.section import PARTS, first_of_each_class, live_data

if TYPE_CHECKING:
    from collections.abc import Iterator

LIVE = Path(run_page.__file__).parent / "live"
# What would fetch something: calls in a script, addresses in a style.
FETCHES = re.compile(
    r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|\bimport\b\s*[({'\"]"
    r"|\.src\s*=|https?:|url\(|@import|new Worker"
)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def reaches_out(text: str) -> list[str]:
    """Return what a page would load."""
    sources = [
        source
        for _, attributes in Tags(text).found
        for name in ("src", "href")
        if (source := attributes.get(name)) and not source.startswith(("data:", "#"))
    ]
    scripts = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", text, re.DOTALL)
    return sources + [found[0] for script in scripts for found in FETCHES.finditer(script)]


@pytest.fixture(scope="module")
def live_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[ck.Run, ck.Splits, str]:
    """Return a run, its data, and its page with the network in it; without figures."""
    data = ck.load_synthetic(n_train=120, n_test=40, val_size=20)
    run = ck.train("resnet20", data, epochs=1, run_dir=tmp_path_factory.mktemp("live") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_page, "draw_figures", lambda *_: {})
        path = ck.write_report(run, data, live=True)
    return run, data, path.read_text(encoding="utf-8")


def test_a_live_page_loads_nothing(live_run: tuple[ck.Run, ck.Splits, str]) -> None:
    text = live_run[2]
    assert reaches_out(text) == []
    assert [tag for tag, _ in Tags(text).found].count("script") == 3
    for name in PARTS:
        assert (LIVE / name).read_text(encoding="utf-8") in text


@pytest.mark.parametrize(
    "html",
    [
        "<img src=a.png>",
        "<script>fetch('a')</script>",
        "<script>new Worker(x)</script>",
        "<style>a { background: url(a.png) }</style>",
        "<script>image.src = 'a'</script>",
    ],
)
def test_what_would_load_something_is_found(html: str) -> None:
    assert reaches_out(html)


def test_the_page_holds_the_program_of_the_run(live_run: tuple[ck.Run, ck.Splits, str]) -> None:
    run, data, text = live_run
    program = live_program(run.model, data.classes)
    assert live_data(program, first_of_each_class(data.test)) in text
    assert "The network, live" in text


def test_without_the_option_there_is_no_script(
    live_run: tuple[ck.Run, ck.Splits, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_page, "draw_figures", lambda *_: {})
    run, data, _ = live_run
    text = ck.write_report(run, data, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "script" not in [tag for tag, _ in Tags(text).found]
    assert "data-live-network" not in text


def test_the_examples_are_one_of_each_class() -> None:
    test = ck.load_synthetic(n_train=20, n_test=40, val_size=0).test
    found = first_of_each_class(test)
    assert [each["name"] for each in found] == list(test.classes)
    assert len(first_of_each_class(test, most=3)) == 3


def test_the_name_of_a_class_ends_no_script() -> None:
    program = live_program(nn.Sequential(nn.Flatten(), nn.Linear(3072, 1)), ["</script><b>"])
    assert "<" not in live_data(program, [])


def test_a_network_that_cannot_be_live_is_refused_before_the_page(tmp_path: Path) -> None:
    data = ck.load_synthetic(n_train=60, n_test=20, val_size=0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 12), nn.Softmax(1), nn.Linear(12, 10))
    run = ck.Trainer(ck.Recipe(epochs=1)).fit(network, data)
    with pytest.raises(ck.ExportError, match="it calls softmax in the layer '2', and the page"):
        ck.write_report(run, data, tmp_path / "page.html", live=True)
    assert not (tmp_path / "page.html").exists()


def test_a_comparison_has_no_network(tmp_path: Path) -> None:
    data = ck.load_synthetic(n_train=60, n_test=20, val_size=0)
    comparison = ck.compare(["linear"], data, seeds=2, epochs=1, run_dir=tmp_path)
    with pytest.raises(ck.DataError, match="live=True is for a run"):
        ck.write_report(comparison, live=True)  # type: ignore[call-overload]


def test_the_command_has_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_page, "draw_figures", lambda *_: {})
    data = ck.load_data("synthetic")
    ck.train("linear", data, epochs=1, batch_size=1_000, run_dir=tmp_path / "run")
    page = tmp_path / "page.html"
    done = CliRunner().invoke(
        app, ["report", str(tmp_path / "run"), "--live", "--output", str(page)]
    )
    assert done.exit_code == 0, done.output
    assert "data-live-network" in page.read_text(encoding="utf-8")


# In a browser -------------------------------------------------------------------------------------

PICTURES = 1_000
LOGITS = """pictures => {
  const { program } = window.LIVE_NETWORK, network = LiveNetwork.load(program);
  return pictures.map(picture => Array.from(
    LiveNetwork.logits(network, LiveNetwork.scaled(picture, program.input))));
}"""
SMALL = """() => [...document.querySelectorAll(".live :is(button, select, input, .live-button)")]
  .filter(each => !each.closest("label.live-button input") && each.type !== "file")
  .map(each => each.getBoundingClientRect())
  .filter(box => box.width < 40 || box.height < 40).length"""
DONE = "document.querySelector('.live-occlusion [role=status]').textContent.startsWith('Red')"


@pytest.fixture(scope="module")
def page(
    live_run: tuple[ck.Run, ck.Splits, str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Any]:
    """Open the page from the disk, on a phone; fail if it asks for anything or complains."""
    if request.config.getoption("--site") is None:
        pytest.skip("needs --site, which asks for the tests in a browser")
    from playwright.sync_api import sync_playwright

    file = tmp_path_factory.mktemp("browser") / "report.html"
    file.write_text(live_run[2], encoding="utf-8")
    faults: list[str] = []
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=["--disable-gpu"])
        opened = browser.new_page(viewport={"width": 360, "height": 740})
        opened.set_default_timeout(120_000)
        opened.on("request", lambda request: faults.append(request.url))
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.goto(file.as_uri())
        yield opened
        browser.close()
    assert faults == [file.as_uri()]


@pytest.mark.browser
def test_the_browser_gives_torchs_logits(
    page: Any, live_run: tuple[ck.Run, ck.Splits, str]
) -> None:
    drawn = ck.load_synthetic(n_train=10, n_test=PICTURES // 2, val_size=0).test.images
    numbers = torch.Generator().manual_seed(0)
    random = torch.randint(256, (PICTURES // 2, 3, 32, 32), dtype=torch.uint8, generator=numbers)
    images = torch.cat([drawn, random])
    with torch.no_grad():
        theirs = rounded_copy(live_run[0].model)(ck.to_floats(images))
    ours = [
        logits
        for part in images.flatten(1).split(50)
        for logits in page.evaluate(LOGITS, part.tolist())
    ]
    torch.testing.assert_close(torch.tensor(ours), theirs, atol=1e-3, rtol=0)


@pytest.mark.browser
def test_the_page_answers_to_keys_and_buttons(page: Any) -> None:
    verdict = page.locator(".live-bars")
    before = verdict.inner_text()
    page.locator(".live-canvas").focus()
    for key in ("ArrowLeft", "Space", "ArrowUp", "Space"):
        page.keyboard.press(key)
    painted = verdict.inner_text()
    assert painted != before
    page.locator(".live-example").nth(1).click()
    assert verdict.inner_text() != painted
    assert len(verdict.inner_text().splitlines()) >= 10
    page.get_by_role("button", name="Cover parts").click()
    page.wait_for_function(DONE)
    page.get_by_label("Layer").select_option("20")
    assert page.locator(".live-maps canvas").count() >= 16
    assert page.evaluate(SMALL) == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
def test_a_file_becomes_the_picture(page: Any, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (300, 200), (200, 30, 60)).save(tmp_path / "red.png")
    page.locator(".live-file").set_input_files(tmp_path / "red.png")
    page.get_by_text("The picture: your own.").wait_for()
    colour = page.evaluate(
        "Array.from(document.querySelector('.live-canvas').getContext('2d')"
        ".getImageData(16, 16, 1, 1).data)"
    )
    assert colour == [200, 30, 60, 255]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    page.locator(".live-file").set_input_files(tmp_path / "broken.png")
    page.get_by_text("cannot read this file").wait_for()
