"""The seed machine, beside cifarkit's own tests of paired differences."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from cifarkit.comparison.differences import LEVEL, difference_interval, difference_test
from cifarkit.comparison.pairs import Pair
from cifarkit.comparison.power import power_of
from cifarkit.comparison.spread import USUAL_SPREAD
from cifarkit.comparison.statistics import sign_flip_test, t_interval
from cifarkit.comparison.verdicts import Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

JUDGED = "(page, all) => all.map((one) => page.judged(one))"
STUDIES = 20_000


def studies(chance: random.Random) -> list[list[float]]:
    """Return paired differences: normal, shifted, skewed, with ties, constant, and all 0."""
    drawn = []
    for n in (*range(2, 11), 14):
        drawn += [[chance.gauss(shift, 0.01) for _ in range(n)] for shift in (0, 0.005, -0.02)]
        drawn.append([chance.lognormvariate(0, 1) / 100 for _ in range(n)])
        drawn.append([chance.randint(-3, 3) / 200 for _ in range(n)])
        drawn += [[0.01] * n, [-0.013] * n, [0.0] * n]
        drawn.append([0.01, -0.01] * (n // 2) + [0.0] * (n % 2))
    return drawn


def cifarkits(differences: list[float]) -> Verdict:
    """Return what a comparison of two variants with these differences says."""
    mean, p = float(np.mean(differences)), difference_test(differences).p
    pair = Pair(
        *("A", "B", len(differences), mean, difference_interval(differences), None, p, 0.0, p),
        wins=sum(one > 0 for one in differences),
        losses=sum(one < 0 for one in differences),
        same_answers=False,
        detectable=None,
        changed={"depth": (1, 2)},
    )
    return verdict(pair, pairs=1)


def test_p_and_interval_are_those_of_cifarkit(
    node: Callable[..., Any], chance: random.Random
) -> None:
    drawn = studies(chance)
    for differences, found in zip(drawn, node("seed-machine", JUDGED, drawn), strict=True):
        interval = difference_interval(differences)
        assert interval is not None
        assert found["flips"]["p"] == sign_flip_test(differences).p
        assert found["p"] == pytest.approx(difference_test(differences).p, rel=1e-9)
        assert found["low"] == pytest.approx(interval.low, rel=1e-9, abs=1e-12)
        assert found["high"] == pytest.approx(interval.high, rel=1e-9, abs=1e-12)
        assert found["kind"] == cifarkits(differences).kind


def test_the_usual_interval_and_flips_alone_are_something_else(
    node: Callable[..., Any], chance: random.Random
) -> None:
    drawn = [[chance.gauss(0.01, 0.01) for _ in range(8)] for _ in range(50)]
    found = node("seed-machine", JUDGED, drawn)
    for differences, one in zip(drawn, found, strict=True):
        usual = t_interval(differences)
        assert usual is not None
        assert one["high"] > usual.high + 1e-9
    assert any(one["p"] > one["flips"]["p"] for one in found)


def test_students_t_is_that_of_scipy(node: Callable[..., Any], chance: random.Random) -> None:
    given = [(10 ** chance.uniform(-3, 3), chance.randint(1, 40)) for _ in range(400)]
    found = node("seed-machine", "(page, all) => all.map(([t, df]) => page.tails(t, df))", given)
    expected = [2 * stats.t.sf(t, df) for t, df in given]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    wrong = [2 * stats.t.sf(t, df + 1) for t, df in given]
    assert not np.allclose(found, wrong, rtol=1e-9)


def test_quantiles_are_those_of_scipy(node: Callable[..., Any]) -> None:
    given = [(chance, df) for chance in (0.5, 0.05, 0.01, 0.001) for df in range(1, 31)]
    found = node("seed-machine", "(page, all) => all.map((one) => page.quantile(...one))", given)
    np.testing.assert_allclose(found, [stats.t.isf(p / 2, df) for p, df in given], rtol=1e-9)


def test_the_verdict_has_cifarkits_words(node: Callable[..., Any], chance: random.Random) -> None:
    drawn = [
        [chance.gauss(shift, 0.01) for _ in range(n)]
        for n in range(2, 12)
        for shift in (0, 0.01, -0.02)
    ]
    drawn += [[0.0] * n for n in (2, 5, 8)]
    drawn += [[0.0025] * n for n in (5, 8)]  # +0.25 points lies between +0.2 and +0.3
    found = node("seed-machine", "(page, all) => all.map(page.verdictText)", drawn)
    assert found == [cifarkits(one).text for one in drawn]
    assert len({cifarkits(one).kind for one in drawn}) == 3


def test_the_histogram_counts_every_pattern_once(
    node: Callable[..., Any], chance: random.Random
) -> None:
    drawn = [one for one in studies(chance) if len(one) < 10]
    function = "(page, all) => all.map((one) => page.histogram(one, 0.03, 45))"
    for differences, bars in zip(drawn, node("seed-machine", function, drawn), strict=True):
        patterns = 2 ** len(differences)
        far = sum(bar["far"] for bar in bars)
        assert far + sum(bar["near"] for bar in bars) == patterns
        assert far / patterns == sign_flip_test(differences).p


def test_more_seeds_continue_the_same_study(node: Callable[..., Any]) -> None:
    function = """(page, seeds) => seeds.map((seed) =>
      [8, 12].map((n) => page.study({ n, difference: 0.01, sd: 0.008, seed })))"""
    (short, long), (other, _) = node("seed-machine", function, [5, 6])
    assert long[:8] == short
    assert other != short


def test_drawn_differences_have_the_mean_and_sd_that_were_set(node: Callable[..., Any]) -> None:
    function = """(page, given) => page.differencesOf(page.study(given))"""
    given = {"n": STUDIES, "difference": 0.012, "sd": 0.008, "seed": 3}
    differences = np.array(node("seed-machine", function, given))
    assert abs(differences.mean() - 0.012) < 4 * 0.008 / math.sqrt(STUDIES)
    assert abs(differences.std() / 0.008 - 1) < 4 / math.sqrt(2 * STUDIES)
    assert stats.kstest(differences, stats.norm(0.012, 0.008).cdf).pvalue > 1e-6


def tallied(node: Callable[..., Any], n: int, difference: float) -> dict[str, dict[str, int]]:
    given = [{"n": n, "difference": difference, "sd": 0.008, "seed": 0}, STUDIES]
    counts: dict[str, dict[str, int]] = node(
        "seed-machine", "(page, given) => page.tally(...given)", given
    )
    return counts


@pytest.mark.parametrize("n", [5, 6, 8, 10])
def test_equal_variants_are_called_better_as_rarely_as_the_theory_says(
    node: Callable[..., Any], n: int
) -> None:
    counts = tallied(node, n, 0.0)
    false = (counts["verdict"]["A"] + counts["verdict"]["B"]) / STUDIES
    of_t_test = 1 - LEVEL  # exact for normal differences; sign flips can only make it less
    assert false <= of_t_test + 4 * math.sqrt(of_t_test * LEVEL / STUDIES)
    assert (false > 0) == (n >= 6)
    naive = counts["naive"]["A"] / STUDIES
    assert abs(naive - 0.5) < 0.02
    assert counts["naive"]["A"] + counts["naive"]["B"] > 0.98 * STUDIES


@pytest.mark.parametrize(("n", "difference"), [(6, 0.01), (8, 0.01), (12, 0.008)])
def test_true_differences_are_found_as_often_as_the_power_says(
    node: Callable[..., Any], n: int, difference: float
) -> None:
    found = tallied(node, n, difference)["verdict"]["A"] / STUDIES
    power = power_of(difference, 0.008, n)  # from 6,000 simulated studies
    bound = 4 * math.sqrt(power * (1 - power) * (1 / STUDIES + 1 / 6_000))
    assert abs(found - power) < bound
    assert abs(found - power_of(difference, 0.008, n + 1)) > bound, "the control is as near"


def test_the_first_study_is_luck_that_looks_like_a_result(node: Callable[..., Any]) -> None:
    function = """(page) => [page.DEFAULTS, page.differencesOf(page.study({
      ...page.DEFAULTS, sd: page.DEFAULTS.sd / 100 }))]"""
    defaults, differences = node("seed-machine", function)
    assert defaults["difference"] == 0
    assert defaults["sd"] == pytest.approx(100 * USUAL_SPREAD.sd)
    assert (len(differences), sum(one > 0 for one in differences)) == (8, 7)
    assert sign_flip_test(differences).p < 0.05
    assert cifarkits(differences).kind == "not distinguishable"
