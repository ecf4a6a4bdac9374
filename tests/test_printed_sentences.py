"""What cifarkit prints about results: short sentences, in each situation a study can end in."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cifarkit as ck
from cifarkit.blocks import Block, Heading, Points
from cifarkit.comparison.spread import USUAL_SPREAD
from cifarkit.plots.comparison_findings import comparison_finding, differences_finding
from cifarkit.plots.trial_dots import search_finding
from cifarkit.report.comparison_page import comparison_page
from cifarkit.report.words import Words
from cifarkit.runs.facts import Facts
from cifarkit.tuning.space import varied

MOST_WORDS = 30  # of a sentence
MOST_SEMICOLONS = 1
MOST_MEAN = 16  # words, of all sentences
# The settings in which two variants differ are a list, however many there are.
SETTINGS = re.compile(r"(Changed(?: from \S+ to \S+)?:|between them:) .*?(?=\.(?:\s|$))")

HIGH = (0.71, 0.70, 0.72, 0.70, 0.71, 0.73, 0.72, 0.71, 0.70, 0.72, 0.71, 0.72)
LOW = (0.66, 0.65, 0.67, 0.66, 0.65, 0.67, 0.66, 0.66, 0.65, 0.67, 0.66, 0.66)
SAME = HIGH[::-1]
EASIER = [low + 0.004 + 0.001 * (seed % 3) for seed, low in enumerate(LOW)]
FAILURE = "deeper seed 8: NonFiniteLossError: the loss is nan in epoch 1"


def three(seeds: int) -> dict[str, Any]:
    return {"baseline": LOW[:seeds], "batchnorm": HIGH[:seeds], "deeper": SAME[:seeds]}


# Names of variants, in the order of the call, with their accuracies; then what else is given.
COMPARISONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one variant": ({"baseline": HIGH[:8]}, {}),
    "one run": ({"baseline": HIGH[:1]}, {}),
    "one seed": ({"baseline": LOW[:1], "batchnorm": HIGH[:1]}, {}),
    "too few seeds": (three(5), {}),
    "too few seeds, equal": ({"baseline": LOW[:5], "batchnorm": LOW[:5]}, {}),
    "decided": (three(8), {}),
    "not decided": ({"baseline": SAME[:8], "batchnorm": HIGH[:8]}, {}),
    "p is estimated": ({"baseline": [*LOW, *LOW], "batchnorm": [*HIGH, *HIGH]}, {}),
    "the same": (three(12), {"margin": 0.02}),
    "better, and the same": ({"baseline": LOW, "batchnorm": EASIER}, {"margin": 0.02}),
    "not shown to be the same": (three(8), {"margin": 0.001}),
    "looks": (three(8), {"until": "decided"}),
    "looks, too few seeds": (three(3), {"until": "decided"}),
    "looks, not decided": ({"baseline": SAME, "batchnorm": HIGH}, {"until": "decided"}),
    "looks, budget spent": (three(6), {"until": "decided", "left_out": (6, 7, 8, 9, 10, 11)}),
    "budget spent, a run failed": (three(8), {"left_out": (8,), "failures": (FAILURE,)}),
    "a run collapsed": ({"baseline": [*LOW[:7], 0.1], "batchnorm": HIGH[:8]}, {}),
    "no seed in common": ({"baseline": {0: 0.5}, "batchnorm": {3: 0.6}}, {}),
    "no run": ({"baseline": [0.4, 0.5], "mlp": []}, {}),
    "several changes": ({"mlp": LOW[:8], "resnet20": HIGH[:8], "speedrun": SAME[:8]}, {}),
    "drawn pictures": (three(8), {"data": "synthetic"}),
}
ONE_OF = {"near_duplicates": {"threshold": 0.97, "test": [0, 1, 2, 999]}}
NONE_OF = {"near_duplicates": {"threshold": 0.97, "test": []}}


def printed(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield the sentences among the blocks of a page: its tables are none."""
    for block in blocks:
        if isinstance(block, Points):
            yield from block.texts
        elif isinstance(block, Heading | str):
            yield block.text if isinstance(block, Heading) else block


def sentences(texts: Sequence[str]) -> list[str]:
    shortened = [SETTINGS.sub(r"\1 settings", text) for text in texts]
    return [part for text in shortened for part in re.split(r"(?<=[.!?])\s+", text) if part]


def faults(texts: Sequence[str]) -> list[str]:
    """Return the sentences that are too long, or chain their parts by semicolons."""
    return [
        sentence
        for sentence in sentences(texts)
        if len(sentence.split()) > MOST_WORDS or sentence.count(";") > MOST_SEMICOLONS
    ]


def of_comparison(comparison: ck.Comparison) -> list[str]:
    titles = [comparison_finding(comparison), differences_finding(comparison)]
    return [*printed(comparison.blocks()), *titles]


@pytest.fixture
def compared(make_comparison: Callable[..., ck.Comparison]) -> Callable[..., ck.Comparison]:
    """Return the comparison of a situation, with more facts on its data."""

    def make(situation: str, about: dict[str, Any] | None = None) -> ck.Comparison:
        accuracies, more = COMPARISONS[situation]
        comparison = make_comparison(accuracies, **more)
        return dataclasses.replace(comparison, data={**comparison.data, **(about or {})})

    return make


@pytest.mark.parametrize("about", [{}, ONE_OF, NONE_OF], ids=["not searched", "alike", "none"])
@pytest.mark.parametrize("situation", COMPARISONS)
def test_a_comparison_is_told_in_short_sentences(
    situation: str, about: dict[str, Any], compared: Any
) -> None:
    assert faults(of_comparison(compared(situation, about))) == []


def test_the_situations_are_what_they_are_called(compared: Any) -> None:
    """So that every kind of verdict and every note is read above."""
    texts = [text for name in COMPARISONS for text in of_comparison(compared(name))]
    verdicts = [verdict for name in COMPARISONS for verdict in compared(name).verdicts]
    assert {verdict.kind for verdict in verdicts} == {
        *("better", "the same", "not distinguishable", "not decided", "too few seeds")
    }
    for words in (
        *("One seed cannot tell", "have no seed in common", "the same accuracy in every run"),
        *("But they are also the same", "It is not shown that", "More than one thing was changed"),
        *("There was a look at the results", "p is estimated", "did not fit into the budget"),
        *("runs of baseline failed", "would be found in", "decided after", "Not in the table"),
    ):
        assert any(words in text for text in texts), words


@pytest.fixture
def searched(make_comparison: Callable[..., ck.Comparison]) -> Callable[..., ck.Search]:
    """Return a search over two settings, with these accuracies on fresh seeds."""

    def make(default: Sequence[float], tuned: Sequence[float], **more: Any) -> ck.Search:
        baseline = ck.get_variant("baseline")
        trials = [
            ck.Trial(
                number,
                {"optimizer.lr": rate},
                varied(baseline, {"optimizer.lr": rate}, f"trial{number}"),
                Path("runs") / f"trial{number}",
                val_accuracy=accuracy,
                val_evaluations=10,
                seconds=60.0,
                test=test,
                error="" if accuracy else "NonFiniteLossError: the loss is nan in epoch 1",
            )
            for number, (rate, accuracy, test) in enumerate(
                [(0.001, 0.5, "not looked at"), (0.003, 0.74, "once"), (0.1, None, "not looked at")]
                * 4
            )
        ]
        best = varied(baseline, {"optimizer.lr": 0.003}, "baseline-tuned")
        comparison = make_comparison({"baseline": default, "baseline-tuned": tuned})
        return ck.Search(
            variant=baseline,
            best=best,
            space={"optimizer.lr": ck.LogRange(1e-4, 1e-1)},
            sampler="random",
            seed=0,
            outcomes=tuple(trials),
            comparison=dataclasses.replace(comparison, variants=(baseline, best)),
            **more,
        )

    return make


@pytest.mark.parametrize(
    ("default", "tuned", "told"),
    [
        (LOW[:8], HIGH[:8], "Tuning helped."),
        (HIGH[:8], LOW[:8], "Tuning did harm."),
        (HIGH[:8], SAME[:8], "Tuning is not shown to help."),
        (LOW[:3], HIGH[:3], "Tuning is not shown to help."),
        (LOW[:1], [], "There is no number to report"),
    ],
)
def test_a_search_is_told_in_short_sentences(
    default: Sequence[float], tuned: Sequence[float], told: str, searched: Any
) -> None:
    search = searched(default, tuned, left_out=3)
    texts = list(printed(search.blocks()))
    assert any(told in text for text in texts)
    assert faults([*texts, *([search_finding(search)] if tuned else [])]) == []


@pytest.mark.parametrize(
    ("seeds", "seconds", "origin"),
    [
        (12, 5400.0, USUAL_SPREAD.origin + ". With only 200 test images it can be larger"),
        (6, 0.0, "from 12 runs that are here already"),
        (424, 90_000.0, "as given"),
    ],
)
def test_a_plan_is_told_in_short_sentences(seeds: int, seconds: float, origin: str) -> None:
    studies = tuple(ck.PlannedStudy(count, 1.2, seconds) for count in sorted({seeds, 20}))
    plan = ck.Plan(
        variants=("baseline", "batchnorm", "augmented", "deeper"),
        see=0.25,
        power=0.8,
        sd=0.8,
        origin=origin,
        sd_range=(0.4, 1.6),
        seeds=seeds,
        seeds_range=(5, 40),
        smallest_p=0.0005,
        existing=12,
        workers=2,
        studies=studies,
        next_line="",
    )
    assert faults(list(printed(plan.blocks()))) == []


def test_a_leaderboard_is_told_in_short_sentences() -> None:
    def verified(folder: str, seed: int, outcome: Any = "passed") -> ck.Verification:
        about = {
            "variant": {"name": "linear", "code": "", "options": {}},
            "recipe": {"epochs": 1 + seed % 2},
            "seed": seed // 2,
            "facts": Facts(data={"name": "CIFAR-10", "fingerprint": 32 * "5d"}, seconds=1.0),
        }
        chance = np.random.default_rng(seed // 4)  # some have the logits of others
        logits = chance.normal(size=(9, 10)).astype(np.float16)
        predictions = ck.TestPredictions(logits, logits.argmax(1), logits.argmax(1))
        found = ck.Finding("score", outcome, "run.json says loss 1.0; the logits give 2.0")
        history = ck.Finding("history", outcome, "history.csv has 2 of 3 epochs")
        return ck.Verification(
            *(Path(folder), (found, history), about, 700 + seed, 1_000),
            test_predictions=predictions,
            data="CIFAR-10",
        )

    runs = [verified(f"runs/{seed}", seed) for seed in range(8)]
    board = ck.leaderboard([*runs, verified("runs/forged", 9, "failed")])
    cells = [
        str(cell)
        for block in board.blocks()
        if not isinstance(block, str)
        for row in block.rows  # type: ignore[union-attr]
        for cell in row
    ]
    assert any("not counted" in cell for cell in cells)
    assert any("are in" in cell for cell in cells)
    assert any("loss 1.0" in cell for cell in cells)
    assert faults([*printed(board.blocks()), *cells]) == []


@pytest.mark.parametrize("situation", ["decided", "looks", "one seed"])
def test_the_page_of_a_comparison_is_written_in_short_sentences(
    situation: str, compared: Any
) -> None:
    page = comparison_page(compared(situation), Words("", []))
    page = re.sub(r"<(style|table|pre|title|h1)\b.*?</\1>|alt=\"[^\"]*\"", "", page, flags=re.S)
    texts = re.findall(r"<(?:p|li|figcaption)\b[^>]*>(.*?)</(?:p|li|figcaption)>", page, re.S)
    plain = [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split()) for text in texts]
    assert len(plain) > 12
    assert faults(plain) == []


def test_sentences_are_short_on_the_mean(compared: Any) -> None:
    texts = [text for name in COMPARISONS for text in of_comparison(compared(name))]
    lengths = [len(sentence.split()) for sentence in sentences(texts)]
    assert sum(lengths) / len(lengths) < MOST_MEAN


@pytest.mark.parametrize(
    "text",
    [
        "word " * 31,
        f"Short. {'word ' * 31}end.",
        "it says one; this is two; three differs",
        f"Changed: none. {'word ' * 31}",
        # As a verdict was worded before.
        "augmented and batchnorm are not distinguishable with 8 seeds: +0.0 points for augmented "
        "(95 % interval -1.1 to +1.1, p = 1 after Holm over 6 pairs); a difference below about 2.1 "
        "points could well have been missed.",
    ],
)
def test_a_long_sentence_and_a_chain_would_be_found(text: str) -> None:
    assert len(faults([text])) == 1


@pytest.mark.parametrize(
    "text", [f"{'word ' * 29}end. {'word ' * 29}end.", "one; two. three; four.", "p = .05, n = 3"]
)
def test_short_sentences_pass(text: str) -> None:
    assert faults([text, f"Changed from a to b: {'setting, ' * 40}setting."]) == []
