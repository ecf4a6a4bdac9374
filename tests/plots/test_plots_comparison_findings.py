from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cifarkit.comparison.comparison import Comparison
from cifarkit.plots.comparison_findings import comparison_finding, differences_finding
from cifarkit.plots.seed_rows import difference_rows

LOW = [0.5 + seed / 1000 for seed in range(12)]
HIGH = [accuracy + 0.1 + (seed % 3) / 1000 for seed, accuracy in enumerate(LOW)]
# Above LOW in every other seed.
SAME = [accuracy + (-1) ** seed * 0.002 for seed, accuracy in enumerate(LOW)]


@pytest.mark.parametrize(
    ("accuracies", "finding"),
    [
        ({"a": [0.5, 0.6]}, "a: 55.0 % right on average over 2 seeds"),
        ({"a": [0.5]}, "a: 50.0 % right with one seed"),
        ({"a": LOW, "b": HIGH}, "b is better than a: ahead in 12 of 12 seeds"),
        ({"b": HIGH, "a": LOW}, "b is better than a: ahead in 12 of 12 seeds"),
        ({"a": LOW, "b": SAME}, "b and a are not distinguishable with 12 seeds"),
        ({"a": LOW[:4], "b": HIGH[:4]}, "Too few seeds to tell b from a: b ahead in 4 of 4"),
        ({"a": LOW[:1], "b": HIGH[:1]}, "One seed cannot tell b from a"),
        ({"a": {0: 0.5}, "b": {1: 0.6}}, "b and a have no seed in common"),
        ({"a": LOW, "b": LOW, "c": HIGH}, "c is better than all 2 others"),
        ({"a": LOW[:3], "b": LOW[:3], "c": HIGH[:3]}, "Too few seeds to tell any of the 3 var"),
        (
            {"a": LOW, "b": HIGH, "c": [x - 0.001 for x in HIGH[:-1]] + [HIGH[-1] + 0.005]},
            "b is better than a, and is not distinguishable from c",
        ),
        ({"a": LOW, "b": HIGH, "c": [0.5]}, "b is better than a, and has too few seeds to be "),
        (dict.fromkeys("abcd", LOW), "a is not distinguishable from any of the 3 others"),
    ],
)
def test_a_finding_says_what_may_be_said(
    make_comparison: Callable[..., Comparison], accuracies: dict[str, Any], finding: str
) -> None:
    assert comparison_finding(make_comparison(accuracies)).startswith(finding)


@pytest.mark.parametrize(
    ("accuracies", "finding"),
    [
        ({"a": LOW, "b": HIGH}, "b is better than a: ahead in 4 of 4 seeds"),
        ({"a": LOW, "b": SAME}, "12 seeds do not decide between b and a"),
        ({"a": LOW[:3], "b": HIGH[:3]}, "Too few seeds to tell b from a: b ahead in 3 of 3"),
        (
            {"a": LOW, "b": HIGH, "c": [x + (-1) ** i * 0.005 for i, x in enumerate(HIGH)]},
            "b is better than a, and is not yet told apart from c",
        ),
    ],
)
def test_a_finding_after_looks_says_how_many_seeds_it_took(
    make_comparison: Callable[..., Comparison], accuracies: dict[str, Any], finding: str
) -> None:
    comparison = make_comparison(accuracies, until="decided")
    assert comparison_finding(comparison) == finding
    for row, pair in zip(difference_rows(comparison), comparison.pairs, strict=True):
        assert len(row.values) == pair.n
        assert sum(row.values.values()) / pair.n == pytest.approx(row.mean)


def test_the_highest_mean_is_not_called_better_where_shared_seeds_say_otherwise(
    make_comparison: Callable[..., Comparison],
) -> None:
    more = dict(enumerate(LOW)) | dict.fromkeys(range(100, 130), 0.9)
    comparison = make_comparison({"a": more, "b": HIGH, "c": [0.1] * 12})
    expected = "a is better than c, and is worse, on the seeds that both have, than b"
    assert comparison_finding(comparison) == expected


@pytest.mark.parametrize(
    ("accuracies", "finding"),
    [
        ({"a": LOW, "b": HIGH}, "b is better than a: ahead in 12 of 12 seeds"),
        ({"a": LOW, "b": LOW, "c": HIGH}, "2 of 3 pairs can be told apart"),
        ({"a": LOW[:3], "b": LOW[:3], "c": HIGH[:3]}, "Too few seeds to tell any of the 3 pairs"),
        ({"a": LOW, "b": HIGH, "c": [0.5]}, "1 of 3 pairs can be told apart; too few seeds for 2"),
    ],
)
def test_differences_count_the_pairs_told_apart(
    make_comparison: Callable[..., Comparison], accuracies: dict[str, Any], finding: str
) -> None:
    assert differences_finding(make_comparison(accuracies)).startswith(finding)
