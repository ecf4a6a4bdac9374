"""How many seeds a comparison needs, and how long it will take, before it begins."""

from __future__ import annotations

import inspect
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from cifarkit.annotations import Range
from cifarkit.arguments import checked
from cifarkit.blocks import Block, Points, Readable, as_page
from cifarkit.comparison.jobs import Job, plan_jobs
from cifarkit.comparison.outcomes import Outcome
from cifarkit.comparison.power import detectable_difference, seeds_for, seeds_needed, smallest_p
from cifarkit.comparison.preparation import (
    changed,
    check_builds,
    check_executor,
    chosen_variants,
    workplace,
)
from cifarkit.comparison.spread import USUAL_SPREAD, USUAL_TEST, Spread, pooled_spread
from cifarkit.comparison.trial import Trial, run_trial
from cifarkit.data.splits import Splits, check_splits
from cifarkit.errors import ComparisonError
from cifarkit.guidance import Guided, explains_arguments
from cifarkit.models.registry import registry
from cifarkit.models.variant import Variant
from cifarkit.storage.folders import expanded
from cifarkit.tables import Table, duration, p_value
from cifarkit.training.engine.device import choose_device
from cifarkit.values import Value, written

if TYPE_CHECKING:
    from cifarkit.models.variant import Builder

__all__ = ["Plan", "PlannedStudy", "plan"]

LADDER = (10, 15, 20, 30, 50)  # seeds that a plan also mentions
SEEDS_LOOKED_AT = 20  # for runs that exist already
MOST_SEEDS = 1_000
MANY = 50  # seeds: a plan with more says what fewer would show
FEWER = 20


class PlannedStudy(NamedTuple):
    """A number of seeds, and what it gives.

    Attributes:
        seeds: of each variant.
        difference: what it finds with the power of the plan, in percentage points.
        seconds: how long it takes; existing runs take no time.

    >>> PlannedStudy(8, 1.5, 3600.0).difference
    1.5
    """

    seeds: int
    difference: float
    seconds: float


@dataclass(frozen=True, repr=False)
class Plan(Guided, Readable):
    """What a comparison will need, from `ck.plan`; `str()` says it in sentences.

    Args:
        variants: the names of the variants.
        see: the difference to be found, in percentage points.
        power: with which probability.
        sd: the standard deviation of paired differences over seeds, in percentage points.
        origin: where `sd` is from.
        sd_range: how small and how large `sd` may be.
        seeds: how many seeds it takes.
        seeds_range: how many it takes if `sd` is as small, or as large, as it may be.
        smallest_p: the smallest p that so many seeds can give, after Holm.
        existing: how many of the runs exist already.
        workers: how many runs train side by side; 0 where no trial was needed.
        studies: what this and other numbers of seeds give.
        next_line: the line that begins the comparison.

    >>> study = PlannedStudy(seeds=12, difference=0.98, seconds=5400.0)
    >>> plan = Plan(
    ...     ("baseline", "batchnorm"), see=1.0, power=0.8, sd=1.1, origin="as given",
    ...     sd_range=(1.1, 1.1), seeds=12, seeds_range=(12, 12), smallest_p=0.00049, existing=0,
    ...     workers=2, studies=(study,),
    ...     next_line="ck.compare(['baseline', 'batchnorm'], data, seeds=12)",
    ... )
    >>> plan
    Plan(baseline, batchnorm; 12 seeds, 1.5 h)
    """

    variants: tuple[str, ...]
    see: float
    power: float
    sd: float
    origin: str
    sd_range: tuple[float, float]
    seeds: int
    seeds_range: tuple[int, int]
    smallest_p: float
    existing: int
    workers: int
    studies: tuple[PlannedStudy, ...]
    next_line: str

    @property
    def seconds(self) -> float:
        """How long the comparison will take."""
        return next(study.seconds for study in self.studies if study.seeds == self.seeds)

    def __repr__(self) -> str:
        names = ", ".join(self.variants)
        return f"Plan({names}; {self.seeds} seeds, {duration(self.seconds)})"

    def __str__(self) -> str:
        *page, line = self.blocks()
        return f"{as_page(*page)}\n\n{line}"  # a line to type stays whole

    def blocks(self) -> Sequence[Block]:
        """Return the answer, a table of studies, what they rest on, and the line to type."""
        pairs = _pairs(self.variants)
        answer = (
            f"{len(self.variants)} variants, {pairs} pair{'s' * (pairs > 1)}: to find a difference "
            f"of {_points(self.see)} points in {100 * self.power:g} % of such studies, train "
            f"{self.seeds} seeds of each. They {_time(self.seconds)}."
        )
        rows = [
            [
                str(study.seeds),
                f"{study.difference:.1f} points",
                duration(study.seconds) if study.seconds else "here already",
            ]
            for study in self.studies
        ]
        table = Table(["seeds", "can find", "time"], rows, align="r")
        return [answer, table, Points(self._sentences()), self.next_line]

    def _sentences(self) -> list[str]:
        pairs = _pairs(self.variants)
        over = f" after Holm over {pairs} pairs" if pairs > 1 else ""
        sentences = [
            f"The smallest p that {self.seeds} seeds can give is {p_value(self.smallest_p)}{over}.",
            "The standard deviation (sd) of a difference over seeds is taken as "
            f"{self.sd:.1f} points, {self.origin}.",
        ]
        (low, high), (fewer, more) = self.sd_range, self.seeds_range
        if low < high:
            sentences[-1] += (
                f" The sd may be as small as {low:.2g} or as large as {high:.2g}, which takes "
                f"{fewer} or {more} seeds."
            )
        if self.workers:
            sentences.append(
                f"Time is forecast from a short trial with {self.workers} "
                f"run{'s' * (self.workers > 1)} side by side."
            )
        if self.existing:
            sentences.append(f"{self.existing} of the runs are here already, and take no time.")
        if self.seeds > MANY:
            study = next(study for study in self.studies if study.seeds == FEWER)
            sentences.append(
                f"{self.seeds} seeds are more than most can afford. {FEWER} seeds "
                f"{_time(study.seconds)}, and find {study.difference:.1f} points."
            )
        return [
            *sentences,
            "Keep to this number: adding seeds until p is small is choosing by test.",
        ]


def _points(points: float) -> str:
    return f"{points:.1f}" if round(points, 1) == points else f"{points:g}"


def _time(seconds: float) -> str:
    return f"take about {duration(seconds)}" if seconds else "are here already"


def _pairs(variants: Sequence[Any]) -> int:
    return len(variants) * (len(variants) - 1) // 2


@explains_arguments("ck.plan")
def plan(
    variants: Iterable[str | Variant | Builder],
    splits: Splits,
    *,
    see: float = 1.0,
    power: float = 0.8,
    sd: float | None = None,
    run_dir: str | Path = "runs",
    executor: Executor | None = None,
    device: str | torch.device = "auto",
    **recipe_changes: Any,
) -> Plan:
    """Say how many seeds and minutes a comparison needs, before it begins.

    The number of seeds is for the tests that `ck.compare` uses, with Holm's correction. It depends
    on how far the differences scatter over seeds. That is computed from the runs of these variants
    in `run_dir`, if there are enough. Only their scatter is used, not which variant is ahead. The
    time is forecast from small runs of each variant.

    Args:
        variants: two or more registered names, variants or builders.
        splits: the data.
        see: the difference that should be found, in percentage points.
        power: the probability of finding it.
        sd: the standard deviation of paired differences over seeds, in percentage points, if you
            know it.
        run_dir: the parent of all run folders. Existing runs take no time.
        executor: where the comparison will train, as for `ck.compare`.
        device: `"auto"` (CUDA, else MPS, else the CPU) or a torch device.
        recipe_changes: fields of every recipe to change, such as `epochs=3`.

    Returns:
        The plan.

    Raises:
        ComparisonError: there are fewer than two variants; `see`, `power` or `sd` is out of range;
            it would take more than 1,000 seeds; the trial of a variant failed; or a comparison is
            using `run_dir`.

    It also raises as `ck.compare` does.

    >>> import tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> with ThreadPoolExecutor(1) as here:
    ...     planned = plan(
    ...         ["linear", "mlp"],
    ...         data,
    ...         sd=0.8,
    ...         epochs=1,
    ...         run_dir=tempfile.mkdtemp(),
    ...         executor=here,
    ...     )
    >>> planned.seeds, round(planned.smallest_p, 4)
    (11, 0.001)
    """
    check_splits(splits)
    see = checked("see", see, Range(0, 100, open="("), error=ComparisonError)
    power = checked("power", power, Range(0.5, 1, open=")"), error=ComparisonError)
    if sd is not None:
        sd = checked("sd", sd, Range(0, 100, open="("), error=ComparisonError)
    chosen = [
        changed("ck.plan", variant, recipe_changes, beside=plan)
        for variant in chosen_variants(variants, "ck.plan")
    ]
    if len(chosen) < 2:
        name = chosen[0].name
        raise ComparisonError(
            f"a plan needs two variants or more, found only {name!r}; write "
            f"ck.plan(['baseline', {'deeper' if name == 'baseline' else name!r}], data)"
        )
    device_there, folder = choose_device(device), expanded(run_dir).absolute()
    check_executor(executor)
    for variant in chosen:
        check_builds(variant, len(splits.classes))
    jobs = plan_jobs(
        chosen, range(SEEDS_LOOKED_AT), splits, run_dir=folder, device=device_there, callbacks=()
    )
    spread = _spread(sd, jobs, splits)
    alpha = 0.05 / _pairs(chosen)
    seeds, low, high = (
        seeds_for(see / 100, each, alpha=alpha, power=power)
        for each in (spread.sd, spread.low, spread.high)
    )
    _check_affordable(seeds, see, spread.sd, alpha=alpha, power=power)
    rows = _rows(seeds, fewest=seeds_needed(_pairs(chosen)))
    trial = _trial(jobs, rows[-1], splits, folder, device_there, executor)
    done = {(job.variant.name, job.seed) for job in jobs if job.is_done}
    settings = {"seeds": seeds, **_unusual(run_dir=str(run_dir), device=str(device))}
    return Plan(
        variants=tuple(variant.name for variant in chosen),
        see=see,
        power=power,
        sd=100 * spread.sd,
        origin=spread.origin,
        sd_range=(100 * spread.low, 100 * spread.high),
        seeds=seeds,
        seeds_range=(low, high),
        smallest_p=min(1.0, _pairs(chosen) * smallest_p(seeds)),
        existing=sum(seed < seeds for _, seed in done),
        workers=trial.workers,
        studies=tuple(
            _study(count, chosen, spread.sd, trial, done, alpha=alpha, power=power)
            for count in rows
        ),
        next_line=_line(chosen, settings | recipe_changes),
    )


def _spread(sd: float | None, jobs: Sequence[Job], splits: Splits) -> Spread:
    if sd is not None:
        return Spread(sd / 100, sd / 100, sd / 100, "as given")
    accuracies: dict[str, dict[int, float]] = {}
    for job in jobs:
        if job.is_done:
            run = Outcome.of(job.variant, job.seed, job.folder, splits.test.labels)
            accuracies.setdefault(job.variant.name, {})[job.seed] = run.accuracy
    if (spread := pooled_spread(accuracies)) is not None:
        return spread
    count = len(splits.test)
    more = f". With only {count:,} test images it can be larger" if count < USUAL_TEST / 2 else ""
    return USUAL_SPREAD._replace(origin=USUAL_SPREAD.origin + more)


def _check_affordable(seeds: int, see: float, sd: float, *, alpha: float, power: float) -> None:
    if seeds > MOST_SEEDS:
        most, fewer = (
            100 * detectable_difference(sd, count, alpha=alpha, power=power)
            for count in (MOST_SEEDS, FEWER)
        )
        raise ComparisonError(
            f"to find {_points(see)} points takes about {seeds:,} seeds of each variant, at an sd "
            f"of {100 * sd:.1f} points; {FEWER} seeds would find {fewer:.1f} points. Give a larger "
            f"see=, {math.ceil(100 * most) / 100:g} or more"
        )


def _rows(seeds: int, fewest: int) -> list[int]:
    """Return numbers of seeds to choose from."""
    between = [count for count in LADDER if fewest < count < 2 * seeds and abs(count - seeds) > 2]
    return sorted({fewest, seeds, *between})


def _trial(
    jobs: Sequence[Job],
    most: int,
    splits: Splits,
    run_dir: Path,
    device: torch.device,
    executor: Executor | None,
) -> Trial:
    """Time all variants, unless all runs exist already.

    Raises:
        ComparisonError: the trial of a variant failed.
    """
    if most <= SEEDS_LOOKED_AT and all(job.is_done for job in jobs if job.seed < most):
        return Trial({job.variant.name: 0.0 for job in jobs}, workers=0)
    timed = [job for job in jobs if job.seed == 0 or (job.seed < most and not job.is_done)]
    variants = list({job.variant.name: job.variant for job in timed}.values())
    with workplace(variants, (), splits, run_dir=run_dir, executor=executor) as shared:
        trial = run_trial(timed, shared, device=device, executor=executor)
    for name, failure in trial.failures.items():
        raise ComparisonError(
            f"the trial of {name!r} failed: {failure}; repair it, then plan again"
        )
    return trial


def _study(
    seeds: int,
    variants: Sequence[Variant],
    sd: float,
    trial: Trial,
    done: Container[tuple[str, int]],
    *,
    alpha: float,
    power: float,
) -> PlannedStudy:
    names = [
        variant.name
        for seed in range(seeds)
        for variant in variants
        if (variant.name, seed) not in done
    ]
    found = detectable_difference(sd, seeds, alpha=alpha, power=power)
    return PlannedStudy(seeds, 100 * found, trial.seconds_for(names) if names else 0.0)


def _line(variants: Sequence[Variant], settings: Mapping[str, Any]) -> str:
    names = ", ".join(
        repr(variant.name) if variant.name in registry else variant.name for variant in variants
    )
    given = "".join(
        f", {name}={written(value) if isinstance(value, Value) else repr(value)}"
        for name, value in settings.items()
    )
    return f"ck.compare([{names}], data{given})"


def _unusual(**settings: Any) -> dict[str, Any]:
    """Return the arguments that are not the defaults of `plan`."""
    defaults = inspect.signature(plan).parameters
    return {name: value for name, value in settings.items() if value != defaults[name].default}
