"""The page of a comparison."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cifarkit as ck
from cifarkit.comparison.wording import limitations, notes, pair_table, variant_table
from cifarkit.report.comparison_page import draw_comparison

if TYPE_CHECKING:
    from collections.abc import Callable

LOW = [0.5 + seed / 1000 for seed in range(8)]
HIGH = [accuracy + 0.1 + (seed % 3) / 1000 for seed, accuracy in enumerate(LOW)]


@pytest.fixture
def comparison(make_comparison: Callable[..., ck.Comparison]) -> ck.Comparison:
    return make_comparison({"plain": LOW, "wide": HIGH})


def text_of(comparison: ck.Comparison, folder: Path) -> str:
    """Return what a reader sees of the page: its words, one space between any two."""
    page = ck.write_report(comparison, path=folder / "page.html").read_text(encoding="utf-8")
    body = page.partition("<body>")[2]
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", body).split()))


def test_the_page_is_whole_and_needs_nothing_else(
    comparison: ck.Comparison, tmp_path: Path
) -> None:
    page = ck.write_report(comparison, path=tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=\"(?!data:image/png;base64,)", page)
    assert page.count("<img ") == 4
    for tag in ("table", "ul", "li", "figure", "pre", "tr", "td", "p"):
        assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>")


def test_the_page_says_what_the_comparison_says(comparison: ck.Comparison, tmp_path: Path) -> None:
    text = text_of(comparison, tmp_path)
    assert text.startswith("plain and wide on made up 2 variants, 8 seeds, on made up: 900 train")
    assert "wide is better than plain: ahead in 8 of 8 seeds." in text
    for said in (*(verdict.text for verdict in comparison.verdicts), *notes(comparison)):
        assert said in text
    for row in (*variant_table(comparison).rows, *pair_table(comparison).rows):
        assert " ".join(row) in text


def test_every_run_has_a_row(comparison: ck.Comparison, tmp_path: Path) -> None:
    text = text_of(comparison, tmp_path)
    for seed, accuracy in enumerate(HIGH):
        percent = f"{100 * accuracy:.1f} %"
        assert f"wide, seed {seed} {percent} {percent} 2 9 s once at the end" in text


def test_the_page_ends_with_what_it_does_not_show(
    comparison: ck.Comparison, tmp_path: Path
) -> None:
    assert text_of(comparison, tmp_path).endswith(
        " ".join(["What this does not show", *limitations(comparison)])
    )


def test_failures_and_left_out_seeds_are_told(
    make_comparison: Callable[..., ck.Comparison], tmp_path: Path
) -> None:
    comparison = make_comparison(
        {"plain": LOW, "wide": []}, failures=("wide seed 0: TrainingError: lost",), left_out=(9,)
    )
    text = text_of(comparison, tmp_path)
    assert "Not in the table: wide seed 0: TrainingError: lost" in text
    assert "Not in the table: seed 9, which did not fit into the budget." in text


def test_recipes_are_whole_and_each_is_told_once(
    make_comparison: Callable[..., ck.Comparison], tmp_path: Path
) -> None:
    comparison = make_comparison({"plain": LOW, "wide": HIGH})
    text = text_of(comparison, tmp_path)
    assert text.count(repr(ck.Recipe())) == 1


def test_only_synthetic_pictures_bring_the_banner(
    make_comparison: Callable[..., ck.Comparison], comparison: ck.Comparison, tmp_path: Path
) -> None:
    banner = "Synthetic pictures, not CIFAR-10"
    assert banner not in text_of(comparison, tmp_path)
    (tmp_path / "synthetic").mkdir()
    synthetic = make_comparison({"plain": LOW}, data="synthetic")
    assert banner in text_of(synthetic, tmp_path / "synthetic")


def test_a_single_variant_has_no_pairs(
    make_comparison: Callable[..., ck.Comparison], tmp_path: Path
) -> None:
    comparison = make_comparison({"plain": [0.5]})
    assert list(draw_comparison(comparison)) == ["comparison", "loss", "accuracy"]
    text = text_of(comparison, tmp_path)
    assert "What may be said" not in text
    assert "plain: 50.0 % right with one seed." in text


def test_every_environment_is_shown_once(
    make_comparison: Callable[..., ck.Comparison], tmp_path: Path
) -> None:
    text = text_of(make_comparison({"plain": LOW, "wide": HIGH}), tmp_path)
    assert text.count("platform nowhere") == 1


def test_every_figure_says_what_it_was_drawn_from(comparison: ck.Comparison) -> None:
    figures = draw_comparison(comparison)
    assert list(figures) == ["comparison", "differences", "loss", "accuracy"]
    assert {figure.get_supxlabel() for figure in figures.values()} == {
        "2 variants, 8 seeds, on made up: 900 train, 100 val, 1,000 test images"
    }
    assert "chance" in figures["accuracy"].axes[0].get_xlabel()
    assert "t-interval of the mean over 8 seeds" in figures["loss"].axes[0].get_xlabel()


def test_names_from_outside_are_escaped(
    make_comparison: Callable[..., ck.Comparison], tmp_path: Path
) -> None:
    comparison = make_comparison({"<script>1</script>": [0.5], "b": [0.6]}, data="<b>x</b>")
    page = ck.write_report(comparison, path=tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "<b>x</b>" not in page
    assert "&lt;script&gt;" in page


def test_a_run_needs_its_splits_and_a_comparison_takes_none(
    comparison: ck.Comparison, tiny: ck.Splits, tmp_path: Path
) -> None:
    with pytest.raises(ck.DataError, match=r"write_report\(run, splits\)"):
        ck.write_report(ck.train("linear", tiny, epochs=1), path=tmp_path / "run.html")
    with pytest.raises(ck.DataError, match="takes no splits"):
        ck.write_report(comparison, tiny, tmp_path / "comparison.html")
    assert list(tmp_path.iterdir()) == []


def test_without_a_path_the_page_lies_beside_the_runs(tiny: ck.Splits, tmp_path: Path) -> None:
    result = ck.compare(["linear"], tiny, seeds=1, epochs=1, run_dir=tmp_path, show_progress=False)
    assert ck.write_report(result) == ck.write_report(result) == tmp_path / "comparison.html"
    assert "linear on synthetic" in (tmp_path / "comparison.html").read_text(encoding="utf-8")
