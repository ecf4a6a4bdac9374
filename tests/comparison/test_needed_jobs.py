"""Comparisons that look after every seed: what they train, and what they say."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.comparison import compare as module
from cifarkit.comparison import trial
from cifarkit.comparison.scheduling import train_jobs


class Corner(nn.Module):
    """A network that sees one pixel, so that any other is better."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images[:, :, 0, 0])  # type: ignore[no-any-return]


def corner(*, num_classes: int = 10) -> nn.Module:
    return Corner(num_classes)


def again(*, num_classes: int = 10) -> nn.Module:
    return Corner(num_classes)


@pytest.fixture(scope="module")
def data() -> ck.Splits:
    return ck.load_synthetic(n_train=400, n_test=200, val_size=20)


@pytest.fixture(scope="module")
def known(data: ck.Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with runs of all variants for eight seeds, from a fixed comparison."""
    folder = tmp_path_factory.mktemp("known")
    with ThreadPoolExecutor(1) as executor:
        ck.compare(
            [corner, again, "linear"],
            data,
            seeds=8,
            epochs=4,
            run_dir=folder,
            executor=executor,
            show_progress=False,
        )
    return folder


@pytest.fixture
def compare(data: ck.Splits, known: Path, here: ThreadPoolExecutor) -> Any:
    def compare(variants: Any, **changes: Any) -> ck.Comparison:
        settings: dict[str, Any] = {"until": "decided", "epochs": 4, "run_dir": known}
        return ck.compare(variants, data, executor=here, show_progress=False, **settings | changes)

    return compare


def trained(result: ck.Comparison) -> dict[str, int]:
    return {variant.name: len(result.of(variant.name)) for variant in result.variants}


def test_a_pair_stops_when_it_is_decided_and_says_so(compare: Any) -> None:
    result = compare(["linear", corner])
    (pair,), (verdict,) = result.pairs, result.verdicts
    assert pair.n < 12
    assert trained(result) == {"linear": pair.n, "corner": pair.n}
    assert pair.p < 0.05
    assert pair.interval is not None
    assert pair.interval.high < 0  # corner - linear
    assert verdict.kind == "better"
    assert verdict.text.startswith("linear is better than corner: +")
    assert f"decided after {pair.n} seeds)." in verdict.text
    assert "There was a look at the results after every seed." in str(result)
    assert "would be found" not in str(result)  # that is the power of a fixed number of seeds
    document = json.loads(result.to_json())
    assert document["until"] == "decided"
    assert (document["pairs"][0]["n"], document["pairs"][0]["p"]) == (pair.n, pair.p)


def test_a_variant_without_an_undecided_pair_is_trained_no_more(compare: Any) -> None:
    result = compare([corner, again, "linear"], seeds=8)
    counts = trained(result)
    assert counts["linear"] < counts["corner"] == counts["again"] == 8
    kinds = {
        frozenset((p.a, p.b)): v.kind for p, v in zip(result.pairs, result.verdicts, strict=True)
    }
    assert kinds[frozenset(("corner", "again"))] == "not decided"
    assert kinds[frozenset(("corner", "linear"))] == "better"
    assert "8 seeds do not decide between " in str(result)
    assert "not distinguishable" not in str(result)


def test_an_interrupted_study_comes_to_the_same_decision(
    compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compare(["linear", corner])

    def interrupted(jobs: Any, *arguments: Any, **named: Any) -> Any:
        train_jobs(jobs[:3], *arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "train_jobs", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compare(["linear", corner], run_dir=tmp_path)
    assert len(list(tmp_path.glob("*/run.json"))) == 3
    resumed = compare(["linear", corner], run_dir=tmp_path)
    assert [verdict.text for verdict in resumed.verdicts] == [
        verdict.text for verdict in whole.verdicts
    ]
    assert len(list(tmp_path.glob("*/run.json"))) == len(whole.outcomes)  # none too many


def test_what_is_decided_trains_nothing_and_writes_nothing(
    compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compare([corner, again, "linear"], seeds=7)
    monkeypatch.delattr(module, "train_jobs")
    monkeypatch.delattr(module, "workplace")
    assert str(compare([corner, again, "linear"], seeds=7, budget=1)) == str(first)


def test_runs_after_the_decision_are_left_out_and_a_fixed_study_takes_them(compare: Any) -> None:
    fixed = compare(["linear", corner], seeds=8, until=None)
    looked = compare(["linear", corner], seeds=8)
    assert trained(looked)["linear"] < trained(fixed)["linear"] == 8
    assert "until" not in json.loads(fixed.to_json())
    assert fixed.pairs[0].two_level is not None


def test_seeds_are_looked_at_in_their_order_however_they_are_listed(compare: Any) -> None:
    result = compare(["linear", corner], seeds=[5, 3, 1, 4, 7, 6, 2])
    seeds = [outcome.seed for outcome in result.of("linear")]
    assert seeds == list(range(1, 1 + len(seeds)))


def test_a_budget_bounds_the_seeds_and_the_same_call_again_trains_no_more(
    compare: Any, known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("corner", "again", "linear"):
        for seed in range(5):
            shutil.copytree(known / f"{name}-seed{seed}", tmp_path / f"{name}-seed{seed}")
    monkeypatch.setattr(trial, "time_job", lambda *_: 10.0)
    stopped = SimpleNamespace(perf_counter=lambda: 0.0)
    monkeypatch.setattr("cifarkit.comparison.budget.time", stopped)
    settings = {"seeds": 9, "budget": 3 * 10 * 6, "run_dir": tmp_path}
    result = compare([corner, again, "linear"], **settings)
    assert result.left_out == (6, 7, 8)
    assert trained(result)["corner"] == 6
    assert len(list(tmp_path.glob("*/run.json"))) == len(result.outcomes)
    monkeypatch.delattr("cifarkit.comparison.scheduling.train_job")
    assert str(compare([corner, again, "linear"], **settings)) == str(result)


def test_fewer_seeds_than_a_look_takes_are_too_few(compare: Any) -> None:
    result = compare(["linear", corner], seeds=3)
    assert result.verdicts[0].kind == "too few seeds"
    assert "3 seeds, and at least 4 are needed. What was seen: " in result.verdicts[0].text
    assert "after every seed" not in str(result)


@pytest.mark.parametrize("until", ["sure", True, 5, ""])
def test_what_is_not_decided_is_refused(until: Any, compare: Any) -> None:
    with pytest.raises(ck.ComparisonError, match="until must be one of 'decided'; found"):
        compare(["linear", corner], until=until)


def test_one_variant_alone_cannot_be_decided(compare: Any) -> None:
    with pytest.raises(ck.ComparisonError, match="name another, or leave until out"):
        compare(["linear"])
