"""The page on how each variant does: its charts and sentences say what the records say."""

from __future__ import annotations

import importlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cifarkit as ck

ROOT = Path(__file__).parents[1]
SEEDS = {"baseline": [0.70, 0.72, 0.71], "batchnorm": [0.71, 0.73, 0.74], "deeper": [0.8, 0.8, 0.8]}


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a way to import what writes the pages of the site."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    return importlib.import_module


@pytest.fixture
def leave(
    writers: Any,
    make_comparison: Callable[..., ck.Comparison],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[..., Any]:
    """Return a way to leave the record of a made-up comparison; only such records are then read."""
    monkeypatch.setattr(writers("studies"), "RECORDS", tmp_path)
    monkeypatch.setattr(writers("writers.records"), "FOLDER", tmp_path)

    def record(name: str, accuracies: dict[str, Any] = SEEDS) -> Any:
        comparison = make_comparison(accuracies)
        writers("studies").leave(comparison, name)
        return writers("writers.studies").Study(name)

    return record


def disagreements(study: Any) -> list[str]:
    """Return where the details of a record disagree with its comparison."""
    found, test = [], study.document["data"]["test"]
    for name, scores in study.scores.items():
        matrix = np.array(study.details["confusion"][name])
        if matrix.sum() != len(scores) * test:
            found.append(f"{name}: images")
        if matrix.trace() / matrix.sum() != pytest.approx(np.mean(list(scores.values()))):
            found.append(f"{name}: accuracy")
        if sorted(map(int, study.details["histories"][name])) != sorted(scores):
            found.append(f"{name}: seeds")
    for run in study.document["runs"]:
        history = study.details["histories"][run["variant"]][str(run["seed"])]
        if history["val_accuracy"][-1] != pytest.approx(run["val_accuracy"], abs=1e-4):
            found.append(f"{run['variant']}: val accuracy")
    return found


def test_the_details_of_each_record_agree_with_its_comparison(writers: Any) -> None:
    studies = writers("writers.studies")
    folders = {path.parent.name for path in writers("writers.records").FOLDER.glob("*/*.json")}
    assert {study.name for study in studies.recorded()} == folders, "each study has its title"
    for study in studies.recorded():
        if study.details is not None:
            assert disagreements(study) == []


def test_what_is_left_agrees_and_what_was_changed_is_found(leave: Callable[..., Any]) -> None:
    study = leave("assignment")
    assert disagreements(study) == []
    study.details["confusion"]["baseline"][0][0] += 1
    study.details["histories"]["deeper"]["1"]["val_accuracy"][-1] = 0.5
    assert disagreements(study) == [
        "baseline: images",
        "baseline: accuracy",
        "deeper: val accuracy",
    ]


def test_of_a_record_only_what_the_site_shows_is_kept(
    leave: Callable[..., Any], tmp_path: Path
) -> None:
    leave("assignment")
    kept = sorted(path.name for path in (tmp_path / "assignment").iterdir())
    assert kept == ["comparison.json", "comparison.md", "details.json"]


def svgs(page: str) -> list[ET.Element]:
    """Return the charts of a page, each of which must be well-formed."""
    found = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    return [ET.fromstring(svg.replace(" data-search-exclude>", ">")) for svg in found]


def dots(svg: ET.Element) -> list[str]:
    return [circle.findtext("title") or "" for circle in svg.iter("circle")]


def test_charts_have_a_dot_for_each_run(leave: Callable[..., Any], writers: Any) -> None:
    study, seed_dots = leave("assignment"), writers("writers.seed_dots")
    (accuracies,) = svgs(seed_dots.accuracies(study))
    assert dots(accuracies) == [
        f"seed {seed}: {100 * accuracy:.1f}"
        for scores in SEEDS.values()
        for seed, accuracy in enumerate(scores)
    ]
    (differences,) = svgs(seed_dots.differences(study))
    expected = [
        f"seed {seed}: {100 * (a - b):+.1f}"
        for first, second in (("batchnorm", "baseline"), ("deeper", "baseline"))
        for seed, (a, b) in enumerate(zip(SEEDS[first], SEEDS[second], strict=True))
    ]
    assert dots(differences)[:6] == expected
    for recorded in writers("writers.studies").recorded():
        (svg,) = svgs(seed_dots.accuracies(recorded))
        assert len(dots(svg)) == len(recorded.document["runs"])


def test_a_dot_further_right_is_a_higher_accuracy(leave: Callable[..., Any], writers: Any) -> None:
    (svg,) = svgs(writers("writers.seed_dots").accuracies(leave("assignment")))
    across = [float(circle.get("cx", "")) for circle in svg.iter("circle")]
    every = [accuracy for scores in SEEDS.values() for accuracy in scores]
    assert np.corrcoef(across, every)[0, 1] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("column", ["train_loss", "val_loss", "val_accuracy"])
def test_curves_have_a_line_and_a_band_for_each_variant(
    leave: Callable[..., Any], writers: Any, column: str
) -> None:
    (svg,) = svgs(writers("writers.planes").curves(leave("assignment"), column))
    assert len(list(svg.iter("polygon"))) == len(SEEDS)
    assert {*SEEDS} <= {text.text for text in svg.iter("text")}


def test_a_band_reaches_from_the_least_to_the_most_of_the_seeds(leave: Callable[..., Any]) -> None:
    curve = leave("assignment").curve("baseline", "val_accuracy")
    assert curve == ([1, 2], pytest.approx([0.71] * 2), [0.70] * 2, [0.72] * 2)


def test_every_chart_says_what_it_shows_in_letters_that_a_phone_can_show(
    leave: Callable[..., Any], writers: Any
) -> None:
    leave("assignment")
    results = writers("writers.results")
    charts = svgs(results.sections() + results.costs())
    assert len(charts) == 6 + len(SEEDS) + 2
    for svg in charts:
        assert re.match(r".+\. .+\.$", svg.get("aria-label", ""))
        _, _, width, _ = map(float, svg.get("viewBox", "").split())
        sizes = [float(text.get("font-size", "0")) for text in svg.iter("text")]
        assert min(sizes) * 320 / width >= 9  # a phone of 360 pixels, less its margins


def test_the_page_says_what_is_missing(leave: Callable[..., Any], writers: Any) -> None:
    leave("assignment")
    missing = writers("writers.results").missing()
    assert "`linear`" in missing
    assert "`baseline`" not in missing
    assert "*The same network twice*" in missing
    leave("a-a", {"baseline": [0.7, 0.8], "baseline-again": [0.8, 0.7]})
    assert "*The same network twice*" not in writers("writers.results").missing()


def test_a_record_without_details_is_shown_without_curves(
    leave: Callable[..., Any], writers: Any, tmp_path: Path
) -> None:
    leave("assignment")
    (tmp_path / "assignment" / "details.json").unlink()
    page = writers("writers.results").sections()
    assert "were not kept" in page
    assert len(svgs(page)) == 3


def said(writers: Any, study: Any) -> str:
    return "\n".join(writers("writers.takeaways").sentences(study))


def test_sentences_follow_the_record(leave: Callable[..., Any], writers: Any) -> None:
    text = said(writers, leave("assignment"))
    assert "`deeper` has the highest mean on test, 80.0 %, and `baseline` the lowest" in text
    assert "`batchnorm` has 71.0 to 74.0 % over 3 seeds" in text
    assert "you could have seen `baseline` ahead of `batchnorm`" in text
    assert "No pair of variants has a verdict" in text
    assert "`deeper` takes 3.4 times the multiply-adds of `baseline`" in text
    better = {
        name: [accuracy + 0.1 * index for accuracy in (0.5, 0.51, 0.52, 0.53, 0.54, 0.55)]
        for index, name in enumerate(("baseline", "batchnorm"))
    }
    text = said(writers, leave("assignment", better))
    assert "you could have seen" not in text
    assert "The two variants can be told apart with these seeds" in text


def test_overfitting_is_said_where_val_loss_rises_and_train_loss_falls(
    leave: Callable[..., Any], writers: Any
) -> None:
    study = leave("assignment")
    assert "Overfitting" not in said(writers, study)
    for history in study.details["histories"]["baseline"].values():
        history |= {"train_loss": [2.0, 1.0], "val_loss": [1.0, 1.5]}
    assert "Seen in `baseline` (1.00 in epoch 1, 1.50 at the end)" in said(writers, study)
    for history in study.details["histories"]["baseline"].values():
        history |= {"train_loss": [1.0, 2.0]}
    assert "Overfitting" not in said(writers, study), "that is not overfitting: train rises, too"


def test_verdicts_are_those_of_the_record(leave: Callable[..., Any], writers: Any) -> None:
    study = leave("assignment")
    verdicts = writers("writers.results").verdicts("assignment")
    against = [pair["text"] for pair in study.pairs if "baseline" in (pair["a"], pair["b"])]
    assert re.findall(r"^- (.*)$", verdicts, re.MULTILINE) == against
    assert "made up, 1,000 test images, 10 epochs, 3 seeds, " in verdicts


def numbers(drawing: ET.Element, kind: str) -> list[float]:
    texts = [text.text or "" for text in drawing.iter() if text.get("class") == kind]
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]


def drawing(writers: Any, name: str) -> ET.Element:
    path = writers("writers.diagrams").FOLDER / f"{name}.svg"
    text = re.sub(r' xmlns="[^"]*"', "", path.read_text(encoding="utf-8"))
    return ET.fromstring(text)


def test_the_drawing_of_a_convolution_computes_right(writers: Any) -> None:
    import torch

    svg = drawing(writers, "convolution")
    picture, kernel, out = (torch.tensor(numbers(svg, kind)) for kind in ("in", "kernel", "out"))
    made = torch.nn.functional.conv2d(picture.view(1, 1, 5, 5), kernel.view(1, 1, 3, 3))
    assert made.flatten().tolist() == out.tolist()


def test_the_drawing_of_pooling_computes_right(writers: Any) -> None:
    import torch

    svg = drawing(writers, "pooling")
    before = torch.tensor(numbers(svg, "in")).view(1, 1, 4, 4)
    assert torch.nn.functional.max_pool2d(before, 2).flatten().tolist() == numbers(svg, "out")


def test_the_drawing_of_batch_norm_computes_right(writers: Any) -> None:
    svg = drawing(writers, "batch-norm")
    before, normalised, out = (
        np.array(
            [float(dot.get("cx", "")) for dot in svg.iter("circle") if dot.get("class") == kind]
        )
        for kind in ("in", "normalised", "out")
    )
    zero, unit = 110.0, 35.0  # of its axes, which go from -2 to 8
    values = (before - zero) / unit
    assert (values.mean(), values.var()) == pytest.approx((4, 6))
    made = (values - 4) / 6**0.5
    assert (normalised - zero) / unit == pytest.approx(made, abs=0.01)
    assert (out - zero) / unit == pytest.approx(2 * made + 3, abs=0.01)


def test_every_drawing_is_on_a_page_and_follows_its_colours(writers: Any) -> None:
    sources = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "tutorials").glob("*.py")]
    pages = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    shown = set(re.findall(r"<!-- diagram: ([\w-]+) -->", pages))
    files = sorted(writers("writers.diagrams").FOLDER.glob("*.svg"))
    assert shown == {path.stem for path in files}
    for path in files:
        svg = drawing(writers, path.stem)
        assert svg.get("fill") == "currentColor"
        assert svg.findtext("title") == svg.get("aria-label")
