from __future__ import annotations

import itertools
import math
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

import cifarkit as ck

fast = settings(max_examples=80, deadline=None, database=None)
EPOCHS = 12


def rates_of_torch(make: Callable[[Any], Any], lr: float, steps: int) -> list[float]:
    """Return the rates that one of torch's schedulers gives, from the first step on."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def rates_of(schedule: ck.Schedule, lr: float, steps: int, epochs: int = EPOCHS) -> list[float]:
    return [schedule.rate(step, epochs, lr) for step in range(steps)]


@pytest.mark.parametrize("final", [0.0, 0.1, 1.0])
def test_cosine_is_torchs(final: float) -> None:
    torchs = rates_of_torch(
        lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS, eta_min=0.2 * final),
        0.2,
        EPOCHS + 1,
    )
    ours = rates_of(ck.Cosine(final=final), 0.2, EPOCHS + 1)
    assert ours == pytest.approx(torchs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("every", "factor"), [(3, 0.1), (5, 0.5), (1, 0.9), (100, 0.1), (2, 1.0)])
def test_step_is_torchs(every: int, factor: float) -> None:
    torchs = rates_of_torch(
        lambda optimizer: lr_scheduler.StepLR(optimizer, every, factor), 0.2, EPOCHS
    )
    ours = rates_of(ck.Step(every=every, factor=factor), 0.2, EPOCHS)
    assert ours == pytest.approx(torchs, rel=1e-9)


@pytest.mark.parametrize("milestones", [(3,), (2, 5, 9), (9, 2, 5), (4, 4, 7), (0, 1), ()])
@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0])
def test_multi_step_is_torchs(milestones: tuple[int, ...], factor: float) -> None:
    torchs = rates_of_torch(
        lambda optimizer: lr_scheduler.MultiStepLR(optimizer, milestones, factor), 0.2, EPOCHS
    )
    ours = rates_of(ck.MultiStep(milestones=milestones, factor=factor), 0.2, EPOCHS)
    assert ours == pytest.approx(torchs, rel=1e-9)


def rates_on_plateau(losses: list[float], **settings: Any) -> list[float]:
    """Return the rate after each of the losses by torch, whose improvements are differences."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, threshold_mode="abs", eps=0, **settings)
    rates = [0.2]
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def our_rates_on_plateau(losses: list[float], schedule: ck.Schedule) -> list[float]:
    return [schedule.rate(epoch + 0.5, 10, 0.2, losses[:epoch]) for epoch in range(len(losses) + 1)]


val_losses = st.lists(
    st.sampled_from([0.5, 0.6, 0.7, 1.0, math.nan, math.inf]) | st.floats(0, 2), max_size=60
)


@settings(max_examples=300, deadline=None, database=None)
@given(
    val_losses,
    st.floats(0, 1, exclude_min=True),
    st.integers(0, 4),
    st.sampled_from([0.0, 0.01, 0.3]),
    st.integers(0, 4),
    st.sampled_from([0.0, 0.05, 1.0]),
)
def test_plateau_is_torchs(
    losses: list[float],
    factor: float,
    patience: int,
    min_delta: float,
    cooldown: int,
    final: float,
) -> None:
    assume(factor < 1)  # which torch refuses
    torchs = rates_on_plateau(
        losses,
        factor=factor,
        patience=patience,
        threshold=min_delta,
        cooldown=cooldown,
        min_lr=0.2 * final,
    )
    ours = ck.Plateau(
        factor=factor, patience=patience, min_delta=min_delta, cooldown=cooldown, final=final
    )
    assert our_rates_on_plateau(losses, ours) == pytest.approx(torchs, rel=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [{"patience": 2}, {"cooldown": 0}, {"threshold": 0.0}, {"min_lr": 0.1}, {"factor": 0.4}],
)
def test_the_oracle_would_find_a_plateau_with_another_setting(wrong: dict[str, float]) -> None:
    losses = [1.0, 1.0, 0.99, 1.0, 1.0, 0.98, 0.94, 0.94, 0.94, 0.98, 0.95, 0.97]
    settings = {"factor": 0.5, "patience": 1, "threshold": 0.015, "cooldown": 1, "min_lr": 0.02}
    ours = our_rates_on_plateau(
        losses, ck.Plateau(factor=0.5, patience=1, min_delta=0.015, cooldown=1, final=0.1)
    )
    assert ours == pytest.approx(rates_on_plateau(losses, **settings), rel=1e-9)
    assert ours != pytest.approx(rates_on_plateau(losses, **settings | wrong), rel=1e-9)


def test_plateau_listens_to_val_and_no_other_schedule_does() -> None:
    others = [ck.Constant(), ck.Cosine(), ck.Linear(), ck.MultiStep(), ck.OneCycle(), ck.Step()]
    assert [schedule.needs_val for schedule in (ck.Plateau(), *others)] == [True] + 6 * [False]
    for schedule in others:
        assert schedule.rate(5.0, 10, 0.1, [1.0] * 99) == schedule.rate(5.0, 10, 0.1)
    assert ck.Plateau(warmup=10).rate(5.0, 20, 0.1, [1.0] * 12) == pytest.approx(0.005)


@pytest.mark.parametrize("share", [None, -1.0, math.nan, "1", math.inf])
def test_a_share_of_ones_own_that_is_none_is_refused(share: Any) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Shares(ck.Constant):
        def share_after(self, val_losses: Any) -> float:
            return share

    assert Shares().needs_val
    with pytest.raises(ck.RecipeError, match=r"Shares.* times .*, from share_after\(\)"):
        Shares().rate(2.0, 10, 0.1)


@pytest.mark.parametrize("steps", [10, 101])
@pytest.mark.parametrize(("start", "final"), [(0.04, 1e-5), (0.5, 0.1)])
def test_one_cycle_is_torchs(steps: int, start: float, final: float) -> None:
    """Torch counts from step 0 to `steps - 1` and turns at step `0.3 steps - 1`."""
    torchs = rates_of_torch(
        lambda optimizer: lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=0.4,
            total_steps=steps,
            pct_start=0.3,
            div_factor=1 / start,
            final_div_factor=start / final,
            cycle_momentum=False,
        ),
        0.1,
        steps - 1,
    )
    rise = (0.3 * steps - 1) / (steps - 1)
    schedule = ck.OneCycle(peak=0.4, rise=rise, start=start, final=final)
    ours = rates_of(schedule, 0.1, steps - 1, epochs=steps - 1)
    assert ours == pytest.approx(torchs, rel=1e-9)


def test_warmup_then_cosine_is_torchs_sequence() -> None:
    def make(optimizer: Any) -> Any:
        climb = lr_scheduler.LambdaLR(optimizer, lambda step: step / 4)
        fall = lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS - 4)
        return climb, fall

    climb = rates_of_torch(lambda optimizer: make(optimizer)[0], 0.2, 4)
    fall = rates_of_torch(
        lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS - 4), 0.2, EPOCHS - 4
    )
    ours = rates_of(ck.Cosine(warmup=4), 0.2, EPOCHS)
    assert ours == pytest.approx(climb + fall, rel=1e-9, abs=1e-12)


def test_the_oracles_would_find_a_schedule_one_step_late() -> None:
    torchs = rates_of_torch(
        lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS), 0.2, EPOCHS
    )
    late = [ck.Cosine().rate(max(step - 1, 0), EPOCHS, 0.2) for step in range(EPOCHS)]
    assert late != pytest.approx(torchs, rel=1e-9, abs=1e-12)


def numbers(least: float, most: float, **ends: bool) -> Any:
    return st.floats(least, most, **ends)


peaks = numbers(0, 1000, exclude_min=True)
shares = st.one_of(numbers(0, 1), st.sampled_from([0.0, 1.0]))
rises = numbers(0, 1, exclude_min=True, exclude_max=True)
good = runpy.run_path(str(Path(__file__).parents[1] / "value_strategies.py"))["good"]
schedules = good(ck.Schedule)  # of every kind


def highest(schedule: ck.Schedule, lr: float) -> float:
    return schedule.peak if isinstance(schedule, ck.OneCycle) else lr


@settings(max_examples=250, deadline=None, database=None)
@given(schedules, st.integers(1, 100_000), st.floats(0, 1), peaks)
@example(ck.Step(every=0.001, factor=sys.float_info.min), 100_000, 1.0, 1000.0)
@example(ck.OneCycle(rise=math.nextafter(1, 0)), 10, 1.0, 0.1)
@example(ck.OneCycle(rise=5e-324), 10, 0.0, 0.1)
@example(ck.Cosine(warmup=5e-324), 1, 0.0, 5e-324)
def test_a_rate_is_finite_never_negative_and_never_above_the_peak(
    schedule: ck.Schedule, epochs: int, share: float, lr: float
) -> None:
    rate = schedule.rate(share * epochs, epochs, lr)
    assert 0.0 <= rate <= highest(schedule, lr) * (1 + 1e-9)  # false for NaN and infinity
    assert isinstance(rate, float)


@fast
@given(schedules, st.integers(1, 200), numbers(1e-6, 10))
def test_the_warmup_is_a_straight_line_from_nothing_to_the_start(
    schedule: ck.Schedule, epochs: int, lr: float
) -> None:
    schedule = schedule.replace(warmup=min(schedule.warmup, 1e4))
    assume(schedule.warmup > 1e-3)
    end = schedule.replace(warmup=0).rate(0.0, epochs, lr)
    assume(end > 1e-300)
    assert schedule.rate(0.0, epochs, lr) == 0.0
    for share in (0.1, 0.25, 0.5, 0.9):
        rate = schedule.rate(share * schedule.warmup, epochs, lr)
        assert rate == pytest.approx(share * end, rel=1e-9)
    just_before = schedule.rate(math.nextafter(schedule.warmup, 0), epochs, lr)
    assert just_before == pytest.approx(end, rel=1e-9)
    if schedule.warmup <= epochs:
        assert schedule.rate(schedule.warmup, epochs, lr) == pytest.approx(end, rel=1e-9)


@pytest.mark.parametrize("warmup", [10, 10.5, 1000])
@pytest.mark.parametrize(
    "schedule", [ck.Constant(), ck.Cosine(), ck.Step(), ck.OneCycle(peak=0.1, start=1.0)]
)
def test_a_warmup_that_takes_all_of_training_still_climbs(
    schedule: ck.Schedule, warmup: float
) -> None:
    rates = rates_of(schedule.replace(warmup=warmup), 0.1, 10, epochs=10)
    assert rates == pytest.approx([0.1 * step / warmup for step in range(10)])


@fast
@given(
    schedules,
    st.integers(1, 50),
    st.floats(0, 1),
)
def test_after_the_warmup_the_schedule_fills_what_is_left(
    schedule: ck.Schedule, left: int, share: float
) -> None:
    late = schedule.replace(warmup=7)
    plain = schedule.replace(warmup=0)
    assume(not isinstance(schedule, ck.Step | ck.MultiStep))  # drops are at places, not at shares
    ours = late.rate(7 + share * left, 7 + left, 0.1)
    # 7 + x - 7 is not x to the last bit, and a steep rise makes much of that.
    assume(not isinstance(schedule, ck.OneCycle) or 0.01 < schedule.rise < 0.99)
    assert ours == pytest.approx(plain.rate(share * left, left, 0.1), rel=1e-6, abs=1e-9)


@fast
@given(peaks, rises, shares, shares, st.integers(1, 1000))
def test_one_cycle_starts_low_peaks_once_and_ends_low(
    peak: float, rise: float, start: float, final: float, epochs: int
) -> None:
    schedule = ck.OneCycle(peak=peak, rise=rise, start=start, final=final)
    near = {"rel": 1e-9, "abs": 1e-12 * peak}
    assert schedule.rate(0.0, epochs, 123.0) == pytest.approx(peak * start, **near)
    assert schedule.shape(rise, 1.0, 123.0) == pytest.approx(peak, **near)
    assert schedule.rate(float(epochs), epochs, 123.0) == pytest.approx(peak * final, **near)
    up = [schedule.shape(share * rise, 1.0, 1.0) for share in (0.0, 0.3, 0.6, 0.9, 1.0)]
    down = [schedule.shape(rise + share * (1 - rise), 1.0, 1.0) for share in (0.0, 0.3, 0.6, 1.0)]
    slack = 1e-9 * peak
    assert all(one <= two + slack for one, two in itertools.pairwise(up))
    assert all(one >= two - slack for one, two in itertools.pairwise(down))


@fast
@given(shares, st.integers(1, 1000), st.lists(st.floats(0, 1), min_size=2))
def test_cosine_only_falls(final: float, epochs: int, places: list[float]) -> None:
    rates = [ck.Cosine(final=final).rate(place * epochs, epochs, 1.0) for place in sorted(places)]
    assert all(one >= two - 1e-12 for one, two in itertools.pairwise(rates))


@pytest.mark.parametrize(
    "schedule", [ck.Constant(), ck.Cosine(), ck.Step(), ck.MultiStep(), ck.Plateau(), ck.OneCycle()]
)
def test_a_rate_depends_on_the_place_alone(schedule: ck.Schedule) -> None:
    there = [schedule.rate(place / 7, 10, 0.1) for place in range(70)]
    back = [schedule.rate(place / 7, 10, 0.1) for place in reversed(range(70))]
    assert there == back[::-1]


@pytest.mark.parametrize("schedule", [ck.Cosine(), ck.OneCycle(), ck.Cosine(warmup=10)])
def test_a_place_past_the_end_has_the_last_rate(schedule: ck.Schedule) -> None:
    assert schedule.rate(11.0, 10, 0.1) == schedule.rate(25.0, 10, 0.1) >= 0.0


def test_a_schedule_of_ones_own_needs_a_shape_and_gets_the_warmup() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Falling(ck.Schedule):
        def shape(self, epoch: float, epochs: float, lr: float) -> float:
            assert epochs >= 0
            return lr * (1 - epoch / epochs) if epochs else lr

    schedule = Falling(warmup=2)
    assert rates_of(schedule, 1.0, 7, epochs=6) == [0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
    assert Falling(warmup=20).rate(5.0, 10, 1.0) == 0.25
    assert ck.Recipe(schedule=schedule).schedule is schedule
    with pytest.raises(TypeError, match="abstract"):
        ck.Schedule()  # type: ignore[abstract]


def giving(rate: Any, warmup: float) -> ck.Schedule:
    """Return a schedule of one's own that gives anything."""

    @dataclass(frozen=True, kw_only=True)
    class Gives(ck.Schedule):
        def shape(self, epoch: float, epochs: float, lr: float) -> float:
            given: float = rate
            return given

    return Gives(warmup=warmup)


@pytest.mark.parametrize("rate", [0.25, np.float32(0.25), torch.tensor(0.25)])
def test_a_rate_is_a_plain_number_whatever_the_schedule_makes_it_of(rate: Any) -> None:
    for warmup, found in ((0.0, 0.25), (4.0, 0.125)):
        number = giving(rate, warmup).rate(2.0, 10, 0.1)
        assert (number, type(number)) == (found, float)


@pytest.mark.parametrize("rate", [None, -0.1, math.nan, math.inf, "0.1", 10**400, torch.ones(2)])
def test_what_is_no_rate_is_refused_by_the_schedules_name(rate: Any) -> None:
    for warmup in (0.0, 4.0):
        with pytest.raises(ck.RecipeError, match=r"Gives\(.*its shape\(\) must return a finite"):
            giving(rate, warmup).rate(2.0, 10, 0.1)
