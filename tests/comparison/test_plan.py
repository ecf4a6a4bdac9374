"""`ck.plan`: what it says before a comparison, and what it refuses."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cifarkit as ck
from cifarkit.comparison import plan as module
from cifarkit.comparison import trial
from cifarkit.comparison.power import power_of
from cifarkit.comparison.spread import USUAL_SPREAD, differences_of_pairs

SECONDS = {"linear": 10.0, "mlp": 20.0, "deeper": 60.0}


@pytest.fixture
def plan(
    tiny: ck.Splits,
    tmp_path: Path,
    here: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Plan with known times of the variants."""
    monkeypatch.setattr(module, "SEEDS_LOOKED_AT", 7)
    monkeypatch.setattr(trial, "time_job", lambda job, *_: SECONDS[job.variant.name])

    def plan(*names: Any, **changes: Any) -> ck.Plan:
        settings = {"epochs": 1, "run_dir": tmp_path / "runs", "executor": here}
        return ck.plan(names or ("linear", "mlp"), tiny, **settings | changes)

    return plan


@pytest.mark.parametrize("sd", [0.3, 0.8, 1.1, 2.0])
@pytest.mark.parametrize("names", [("linear", "mlp"), ("linear", "mlp", "deeper")])
def test_its_seeds_have_the_power_and_one_fewer_has_not(
    sd: float, names: tuple[str, ...], plan: Any
) -> None:
    planned = plan(*names, sd=sd)
    pairs = len(names) * (len(names) - 1) // 2
    assert power_of(0.01, sd / 100, planned.seeds, alpha=0.05 / pairs) >= 0.8
    fewer = planned.seeds - 1
    assert planned.studies[0].seeds == planned.seeds or (
        power_of(0.01, sd / 100, fewer, alpha=0.05 / pairs) < 0.8
    )
    assert planned.smallest_p == pairs * 2.0 ** (1 - planned.seeds) < 0.05
    assert planned.seconds == planned.seeds * sum(SECONDS[name] for name in names)
    assert (planned.sd, planned.see, planned.power) == (pytest.approx(sd), 1.0, 0.8)


def test_half_the_difference_or_more_power_takes_more_seeds(plan: Any) -> None:
    seeds = plan(sd=1.0).seeds
    assert plan(sd=1.0, power=0.9).seeds > seeds
    # Beside the few seeds that any test needs, seeds grow with the square.
    assert 2.5 * seeds < plan(sd=1.0, see=0.5).seeds <= 4 * seeds


def test_the_page_says_it_all(plan: Any) -> None:
    text = " ".join(str(plan("linear", "mlp", "deeper", sd=0.6)).split())
    assert text.startswith(
        "3 variants, 3 pairs: to find a difference of 1.0 points in 80 % of such studies, train "
        "10 seeds of each. They take about 15 min. seeds can find time 7 "
    )
    assert "The smallest p that 10 seeds can give is .00586 after Holm over 3 pairs." in text
    assert "(sd) of a difference over seeds is taken as 0.6 points, as given." in text
    assert "1 run side by side." in text
    assert "choosing by test" in text
    assert "it may be" not in text.lower()
    assert "<table>" in plan(sd=0.6)._repr_html_()


def test_without_runs_the_usual_spread_is_taken_and_says_so(plan: Any) -> None:
    planned = plan()
    text = " ".join(str(planned).split())
    assert planned.sd == pytest.approx(100 * USUAL_SPREAD.sd)
    assert USUAL_SPREAD.origin in text
    assert "With only 60 test images it can be larger." in text
    fewer, more = planned.seeds_range
    assert fewer < planned.seeds < more
    assert f"as small as 0.35 or as large as 1.4, which takes {fewer} or {more} seeds" in text
    assert "here already" not in text


def test_runs_that_are_there_give_the_spread_and_take_no_time(
    plan: Any, tiny: ck.Splits, tmp_path: Path, here: ThreadPoolExecutor
) -> None:
    settings: dict[str, Any] = {"run_dir": tmp_path / "runs", "executor": here, "epochs": 1}
    comparison = ck.compare(["linear", "mlp"], tiny, seeds=6, show_progress=False, **settings)
    planned = plan(see=4.0)
    accuracies = {
        name: {run.seed: run.accuracy for run in comparison.of(name)} for name in ("linear", "mlp")
    }
    ((_, values),) = differences_of_pairs(accuracies).items()
    assert planned.sd == pytest.approx(100 * np.std(values, ddof=1))
    assert planned.seeds > 6
    assert planned.existing == 12
    assert planned.seconds == (planned.seeds - 6) * 30
    text = " ".join(str(planned).split())
    assert "from 12 runs that are here already" in text
    assert "12 of the runs are here already, and take no time." in text
    easy = plan(sd=0.1)
    assert (easy.seeds, easy.seconds) == (6, 0.0)
    assert "train 6 seeds of each. They are here already." in " ".join(str(easy).split())
    # With another recipe they are other runs.
    assert plan(epochs=2).existing == 0


def test_the_next_line_is_the_comparison(plan: Any, tiny: ck.Splits, tmp_path: Path) -> None:
    planned = plan(sd=0.5, optimizer=ck.SGD(lr=0.05))
    assert planned.next_line in str(planned).splitlines()
    called: dict[str, Any] = {}

    class Stub:
        SGD = ck.SGD

        @staticmethod
        def compare(*arguments: Any, **settings: Any) -> None:
            called.update(settings, arguments=arguments)

    eval(planned.next_line, {"ck": Stub, "data": tiny})
    assert called == {
        "arguments": (["linear", "mlp"], tiny),
        "seeds": 7,
        "run_dir": str(tmp_path / "runs"),
        "epochs": 1,
        "optimizer": ck.SGD(lr=0.05),
    }


def test_hundreds_of_seeds_are_named_beside_what_a_few_would_show(plan: Any) -> None:
    text = " ".join(str(plan(sd=1.2, see=0.2)).split())
    assert "train 424 seeds of each. They take about 3.5 h." in text
    assert (
        "424 seeds are more than most can afford. 20 seeds take about 10 min, and find 1.0 points."
    ) in text


def test_thousands_are_refused(plan: Any) -> None:
    with pytest.raises(ck.ComparisonError, match=r"about 1,6\d\d seeds .* 0\.13 or more"):
        plan(sd=1.2, see=0.1)
    assert plan(sd=1.2, see=0.13).seeds <= 1_000


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no difference": ({"see": 0}, "see must be a number, 0 < value <= 100; found 0"),
    "a text": ({"see": "1 point"}, "see must be a number"),
    "not a number": ({"see": float("nan")}, "see must be a number"),
    "no power": ({"power": 1.0}, "power must be a number, 0.5 <= value < 1"),
    "no spread": ({"sd": -1}, "sd must be a number"),
    "no executor": ({"executor": 3}, "executor must be"),
    "an unknown field": ({"epohcs": 3}, "ck.plan takes no epohcs=: did you mean epochs=3"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused(what: str, plan: Any, tmp_path: Path) -> None:
    changes, text = WRONG[what]
    with pytest.raises(ck.CifarkitError) as raised:
        plan(**changes)
    assert text in str(raised.value)
    assert not (tmp_path / "runs").exists()


def test_one_variant_is_nothing_to_compare(plan: Any) -> None:
    with pytest.raises(ck.ComparisonError, match=r"write ck\.plan\(\['baseline', 'linear'\], data"):
        plan("linear")


def test_a_trial_that_fails_stops_the_plan(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> float:
        raise RuntimeError("no memory")

    monkeypatch.setattr(trial, "time_job", fail)
    with pytest.raises(ck.ComparisonError, match="the trial of 'linear' failed: RuntimeError: no"):
        plan(sd=1.0)


def test_a_plan_is_frozen(plan: Any) -> None:
    planned = plan(sd=1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        planned.seeds = 3
    assert repr(planned) == f"Plan(linear, mlp; {planned.seeds} seeds, 8 min)"
