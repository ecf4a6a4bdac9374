"""The page to hand in."""

from __future__ import annotations

import base64
import io
import re
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from torch import nn

import cifarkit as ck
from cifarkit.report import run_page
from cifarkit.report.artefacts import draw_figures
from cifarkit.report.words import read_words

if TYPE_CHECKING:
    from pathlib import Path


class Page(HTMLParser):
    """Every tag that would reach out, every picture, and whether tags close."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.reaches_out: list[str] = []
        self.pictures: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        source = found.get("src") or found.get("href") or ""
        if tag == "script" or (source and not source.startswith("data:image/png;base64,")):
            self.reaches_out.append(f"{tag} {source[:40]}")
        if tag == "img":
            self.pictures.append(source)
            assert found["alt"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def run_and_page(tmp_path_factory: pytest.TempPathFactory) -> tuple[ck.Run, ck.Splits, str]:
    data = ck.load_synthetic(n_train=120, n_test=40, val_size=20)
    folder = tmp_path_factory.mktemp("report") / "run"
    run = ck.train("linear", data, epochs=2, run_dir=folder)
    path = ck.write_report(run, data)
    assert path == folder / "report.html"
    return run, data, path.read_text(encoding="utf-8")


def test_the_page_is_whole_and_needs_nothing_else(
    run_and_page: tuple[ck.Run, ck.Splits, str],
) -> None:
    page = Page(run_and_page[2])
    assert page.open == []
    assert page.reaches_out == []
    assert len(page.pictures) == 9
    for source in page.pictures:
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
            assert picture.width > 300


def test_the_page_holds_the_numbers_of_the_run(
    run_and_page: tuple[ck.Run, ck.Splits, str],
) -> None:
    run, data, text = run_and_page
    evaluation = ck.evaluate(run.model, data.test)
    assert f"<b>{100 * evaluation.accuracy:.1f} %</b>" in text
    assert str(evaluation.accuracy_interval) in text
    assert data.fingerprint in text
    assert "Synthetic pictures, not CIFAR-10" in text
    assert len(re.findall(rf"<tr><td>(?:{'|'.join(data.classes)})</td>", text)) == 10


def test_what_scrolls_can_be_reached_by_the_keyboard(
    run_and_page: tuple[ck.Run, ck.Splits, str],
) -> None:
    tags = re.findall(r'<div class="wide"[^>]*>', run_and_page[2])
    assert tags
    assert all('tabindex="0"' in tag for tag in tags)


def test_every_figure_says_what_it_was_drawn_from(
    run_and_page: tuple[ck.Run, ck.Splits, str],
) -> None:
    run, data, _ = run_and_page
    figures = draw_figures(run, ck.evaluate(run.model, data.test), data.test, data)
    assert {figure.get_supxlabel() for figure in figures.values()} == {
        "linear, seed 0, 2 epochs on synthetic"
    }


def test_a_network_with_a_spatial_layer_has_heat_maps_on_its_page(tmp_path: Path) -> None:
    data = ck.load_synthetic(n_train=60, n_test=20, val_size=0)
    run = ck.train("baseline", data, epochs=1)
    text = ck.write_report(run, data, tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(Page(text).pictures) == 10
    assert "where the score of the predicted class is sensitive, not why" in text


def test_the_page_says_which_loss_is_which_where_they_differ(
    run_and_page: tuple[ck.Run, ck.Splits, str], tmp_path: Path
) -> None:
    _, data, plain = run_and_page
    run = ck.train("linear", data, epochs=1, loss=ck.FocalLoss())
    page = ck.write_report(run, data, path=tmp_path / "page.html").read_text(encoding="utf-8")
    said = "The train loss is ck.FocalLoss(); val and test losses are cross-entropy."
    assert said in page
    assert "The train loss is" not in plain


def test_drawing_opens_no_pyplot_figure(run_and_page: tuple[ck.Run, ck.Splits, str]) -> None:
    import matplotlib.pyplot as plt

    run, data, _ = run_and_page
    before = plt.get_fignums()
    draw_figures(run, ck.evaluate(run.model, data.test), data.test, data)
    assert plt.get_fignums() == before
    assert "matplotlib.pyplot" in sys.modules


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    data = ck.load_synthetic(n_train=60, n_test=20, val_size=0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    run = ck.Trainer(ck.Recipe(epochs=1)).fit(model, data)
    evil = ck.Splits(data.train, None, data.test, "<script>alert(1)</script>")
    text = ck.write_report(run, evil, tmp_path / "page.html").read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_a_file_that_is_there_is_not_overwritten(
    run_and_page: tuple[ck.Run, ck.Splits, str], tmp_path: Path
) -> None:
    (tmp_path / "my_models.py").write_text("mine")
    with pytest.raises(ck.RunFolderError, match="nothing is overwritten"):
        ck.write_report(*run_and_page[:2], tmp_path / "my_models.py")
    assert (tmp_path / "my_models.py").read_text() == "mine"


def test_without_a_folder_one_must_say_where() -> None:
    data = ck.load_synthetic(n_train=60, n_test=20, val_size=0)
    run = ck.train("linear", data, epochs=1)
    with pytest.raises(ck.RunFolderError, match="name the new file: path="):
        ck.write_report(run, data)


def test_a_place_that_cannot_be_written_is_a_typed_error(
    run_and_page: tuple[ck.Run, ck.Splits, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ck.RunFolderError, match="cannot be written"):
        ck.write_report(*run_and_page[:2], tmp_path / "file" / "page.html")


class Observes(ck.Callback):
    columns = ("score",)

    def on_epoch_end(self, run: ck.Run) -> None:
        run.log("score", run.history[-1]["test_accuracy"])


@pytest.mark.parametrize(
    ("track_test", "callbacks", "said", "unsaid"),
    [
        (False, [], "from the end, even if another epoch was better", "Test was observed"),
        (True, [], "Test was observed at each epoch. Nothing was chosen by it", "steered"),
        (False, [ck.EarlyStopping("val_loss")], "the best by val_loss.", "Test was observed"),
        (False, [ck.EarlyStopping("train_loss")], "the best by train_loss.", "on val"),
        (True, [Observes()], "other callbacks than cifarkit&#39;s were there", "nothing was"),
        (True, [Observes(), ck.EarlyStopping("score")], "may have been steered by it", "nothing"),
    ],
    ids=["plain", "observed", "by val", "by train", "own callback", "chosen by test"],
)
def test_the_page_says_by_what_the_weights_were_chosen(
    track_test: bool,
    callbacks: list[ck.Callback],
    said: str,
    unsaid: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_page, "draw_figures", lambda *_: {})
    data = ck.load_synthetic(n_train=120, n_test=40, val_size=20)
    run = ck.train("linear", data, epochs=2, track_test=track_test, callbacks=callbacks)
    text = ck.write_report(run, data, tmp_path / "page.html").read_text(encoding="utf-8")
    about = " ".join(text[text.index("The interval shows") : text.index("<h2>Training")].split())
    assert said.replace("&#39;", "'") in about.replace("&#39;", "'")
    assert unsaid not in about


def test_a_run_that_was_killed_has_a_page_without_a_time(tmp_path: Path) -> None:
    data = ck.load_synthetic(n_train=120, n_test=40, val_size=20)
    ck.train("linear", data, epochs=1, run_dir=tmp_path / "run")
    run = ck.load_run(tmp_path / "run")
    run.facts.seconds = None  # it is written when training ends
    run.facts.status = "running"
    text = ck.write_report(run, data).read_text(encoding="utf-8")
    assert "has not finished" in text
    assert "training took" not in text


def test_test_is_not_looked_at_before_the_end(tmp_path: Path) -> None:
    views = ck.TestTimeAugmentation()  # of test alone
    data = ck.load_synthetic(n_train=120, n_test=40, val_size=20)
    ck.train("linear", data, epochs=1, test_time=views, run_dir=tmp_path / "run")
    run = ck.load_run(tmp_path / "run")
    over, on_test = (
        ck.write_report(run, data, tmp_path / "over.html").read_text(encoding="utf-8"),
        ck.evaluate(run.model, data.test, test_time=views),
    )
    assert f"test loss\n{on_test.loss:.4f}" in over
    assert "val images" not in over.split("<h2>Data")[0]
    run.facts.status = "interrupted"
    text = ck.write_report(run, data, tmp_path / "not-over.html").read_text(encoding="utf-8")
    assert f"val loss\n{run.history[-1]['val_loss']:.4f}" in text
    assert "test images" not in text.split("<h2>Data")[0]
    run.folder = None  # so that it can never be resumed
    text = ck.write_report(run, data, tmp_path / "for-ever.html").read_text(encoding="utf-8")
    assert f"test loss\n{on_test.loss:.4f}" in text
    run.folder = tmp_path / "run"
    without = ck.load_synthetic(n_train=120, n_test=40, val_size=0)
    with pytest.raises(
        ck.TrainingError, match="is interrupted, and there is no val set to evaluate"
    ):
        ck.write_report(run, without, tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def test_a_page_is_made_of_a_run_and_not_of_its_name() -> None:
    data = ck.load_synthetic(n_train=60, n_test=20, val_size=0)
    with pytest.raises(ck.DataError, match=r"found 'runs/a'; ck.load_run reads a run"):
        ck.write_report("runs/a", data)


def test_the_page_has_the_words_of_who_hands_it_in(
    run_and_page: tuple[ck.Run, ck.Splits, str], tmp_path: Path
) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("It <b>overfits</b>.\n\n\nMore data\nwould help.", encoding="utf-8")
    page = ck.write_report(
        *run_and_page[:2], tmp_path / "page.html", author="Ada <i>", notes=notes
    ).read_text(encoding="utf-8")
    assert "By <bdi>Ada &lt;i&gt;</bdi>" in page
    assert "It &lt;b&gt;overfits&lt;/b&gt;.</p>" in page
    assert "More data\nwould help.</p>" in page
    assert "<h2>Notes</h2>" not in run_and_page[2]


@pytest.mark.parametrize("content", [b"", b" \n\t\n", b"\xff\xfe\x00a", b"a" * 1_000_001])
def test_notes_that_cannot_be_read_are_refused(content: bytes, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_bytes(content)
    with pytest.raises(ck.DataError, match="notes"):
        read_words(None, notes)


def test_words_that_are_no_words_are_refused(tmp_path: Path) -> None:
    for author in ("", " ", "a\nb", 3, "a" * 201):
        with pytest.raises(ck.DataError, match="the author is a name on one line"):
            read_words(author, None)
    for notes in (3, "notes.md", tmp_path, tmp_path / "none.md"):
        with pytest.raises(ck.DataError, match="notes"):
            read_words(None, notes)
