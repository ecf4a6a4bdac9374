"""Settings depend on the seed and on earlier results, and on nothing else."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import scipy.stats

import cifarkit as ck
from cifarkit.tuning.samplers import SAMPLERS, Position, sampler_named
from cifarkit.tuning.space import axes_of

AXES = axes_of(
    {"optimizer.lr": ck.LogRange(1e-4, 1), "batch_size": ck.Choice([16, 32, 64])},
    ck.get_variant("mlp"),
)


def worth(position: Position) -> float:
    """Return an accuracy that is best at lr 0.01 and batch size 32."""
    lr, batch_size = (axis.at(position[axis.path]) for axis in AXES)
    return float(0.9 - abs(np.log10(lr) + 2) / 4 - 0.2 * (batch_size != 32))


def tried(sampler: str, count: int, seed: int = 0) -> list[tuple[Position, float]]:
    results: list[tuple[Position, float]] = []
    while len(results) < count:
        positions = SAMPLERS[sampler](AXES, seed, results, count - len(results))
        results += [(position, worth(position)) for position in positions]
    assert len(results) == count
    return results


def test_random_shares_are_uniform_and_not_related() -> None:
    shares = np.array([list(position.values()) for position, _ in tried("random", 2000)])
    for column in shares.T:
        assert scipy.stats.kstest(column, "uniform").pvalue > 0.01
    assert abs(scipy.stats.spearmanr(*shares.T).statistic) < 0.06


def test_another_seed_gives_other_settings() -> None:
    assert tried("random", 3) != tried("random", 3, seed=1)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("fewer", [1, 9, 10, 12, 14, 19])
def test_more_trials_begin_with_the_same(sampler: str, fewer: int) -> None:
    if sampler == "optuna":
        pytest.importorskip("optuna")
    assert tried(sampler, 20)[:fewer] == tried(sampler, fewer)


def test_optuna_begins_as_random_search_does_and_then_comes_nearer(
    capfd: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("optuna")
    modelled = [tried("optuna", 30, seed) for seed in range(5)]
    random = [tried("random", 30, seed) for seed in range(5)]
    assert [each[:10] for each in modelled] == [each[:10] for each in random]
    later = [[value for _, value in each[10:]] for each in (*modelled, *random)]
    assert np.mean(later[:5]) > np.mean(later[5:]) + 0.1
    assert capfd.readouterr() == ("", "")


def test_optuna_depends_on_the_results() -> None:
    pytest.importorskip("optuna")
    results = tried("optuna", 12)
    turned = [(position, 1 - value) for position, value in results]
    assert SAMPLERS["optuna"](AXES, 0, results, 4) != SAMPLERS["optuna"](AXES, 0, turned, 4)


def test_optunas_settings_are_those_that_its_own_study_would_ask_for() -> None:
    optuna: Any = pytest.importorskip("optuna")
    results = tried("optuna", 10)
    shares = optuna.distributions.FloatDistribution(0, 1)
    sizes = optuna.distributions.CategoricalDistribution((0, 1, 2))
    distributions = {"optimizer.lr": shares, "batch_size": sizes}
    key = ck.seed_for("search", 0, 10, "optuna") % 2**32
    sampler = optuna.samplers.TPESampler(seed=key)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for position, value in results:
        params = {**position, "batch_size": int(position["batch_size"] * 3)}
        trial = optuna.trial.create_trial(params=params, distributions=distributions, value=value)
        study.add_trial(trial)
    (ours,) = SAMPLERS["optuna"](AXES, 0, results, 1)
    theirs = study.ask(distributions).params
    assert ours["optimizer.lr"] == theirs["optimizer.lr"]
    assert int(ours["batch_size"] * 3) == theirs["batch_size"]


def test_without_optuna_search_is_random_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("cifarkit.tuning.samplers", "cifarkit.extras"):
        monkeypatch.setattr(sys.modules[module], "find_spec", lambda name: None)
    assert sampler_named("auto") == "random"
    with pytest.raises(ck.InstallError, match=r'pip install "cifarkit\[search\]"'):
        sampler_named("optuna")


def test_another_sampler_is_refused() -> None:
    with pytest.raises(ck.ComparisonError, match="'auto', 'optuna' or 'random', found 'grid'"):
        sampler_named("grid")  # type: ignore[arg-type]
