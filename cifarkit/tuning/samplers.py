"""Which settings a search tries next: each a function of the seed and of the results before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal

from cifarkit.errors import ComparisonError
from cifarkit.extras import check_extra
from cifarkit.randomness import seed_for
from cifarkit.tuning.space import Axis, Choice

__all__ = ["SAMPLERS", "Position", "Sampler", "round_sizes", "sampler_named"]

Position = Mapping[str, float]  # for each path a share in [0, 1), which the axis makes a value
Result = tuple[Position, float]
# Called with the axes, the seed, the results so far and how many are left; gives the next round.
# The trials of a round run side by side. Rounds do not depend on how many cores there are.
Sampler = Callable[[Sequence[Axis], int, Sequence[Result], int], list[Position]]

RANDOM_FIRST = 10  # trials before Optuna models their results, as in its TPESampler
ROUND = 4  # trials that Optuna chooses from the same results


def random_round(
    axes: Sequence[Axis], seed: int, results: Sequence[Result], left: int
) -> list[Position]:
    """Draw all positions that are left, each by the number of its trial.

    >>> axes = [Axis("batch_size", Choice([32, 64]), whole=True)]
    >>> two, five = random_round(axes, 0, [], 2), random_round(axes, 0, [], 5)
    >>> five[:2] == two
    True
    """
    numbers = range(len(results), len(results) + left)
    return [
        {axis.path: seed_for("search", seed, number, axis.path) / 2**63 for axis in axes}
        for number in numbers
    ]


def optuna_round(
    axes: Sequence[Axis], seed: int, results: Sequence[Result], left: int
) -> list[Position]:
    """Draw ten random positions, then few at a time where Optuna expects the best results.

    Optuna's sampler is the tree-structured Parzen estimator (Bergstra et al. 2011). It is told all
    earlier results, and its own random numbers depend on the seed and the number of the trial.
    """
    if len(results) < RANDOM_FIRST:
        return random_round(axes, seed, results, min(left, RANDOM_FIRST - len(results)))
    import optuna

    distributions = {axis.path: _distribution(axis) for axis in axes}
    with _quiet(optuna):
        key = seed_for("search", seed, len(results), "optuna") % 2**32
        sampler = optuna.samplers.TPESampler(seed=key, n_startup_trials=RANDOM_FIRST)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for position, value in results:
            told = {axis.path: _told(axis, position[axis.path]) for axis in axes}
            study.add_trial(
                optuna.trial.create_trial(params=told, distributions=distributions, value=value)
            )
        asked = [study.ask(distributions).params for _ in range(min(left, ROUND))]
    return [{axis.path: _heard(axis, params[axis.path]) for axis in axes} for params in asked]


SAMPLERS: dict[str, Sampler] = {"random": random_round, "optuna": optuna_round}


def round_sizes(sampler: str, trials: int) -> list[int]:
    """Return how many trials each round has; a round waits for the results of the one before.

    Args:
        sampler: a name in `SAMPLERS`.
        trials: how many there are in all.

    >>> round_sizes("optuna", 16), round_sizes("random", 16)
    ([10, 4, 2], [16])
    """
    first = min(trials, RANDOM_FIRST) if sampler == "optuna" else trials
    return [first, *(min(ROUND, trials - count) for count in range(first, trials, ROUND))]


def sampler_named(name: Literal["auto", "optuna", "random"]) -> str:
    """Return the sampler that is meant; `"auto"` is Optuna where it is installed.

    Raises:
        ComparisonError: there is no such sampler.
        InstallError: Optuna is wanted, and not installed.

    >>> sampler_named("random")
    'random'
    """
    if name == "auto":
        return "optuna" if find_spec("optuna") else "random"
    if name not in SAMPLERS:
        raise ComparisonError(f"sampler must be 'auto', 'optuna' or 'random', found {name!r}")
    if name == "optuna":
        check_extra("search", ("optuna",))
    return name


def _distribution(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(axis.dimension, Choice):
        return CategoricalDistribution(range(len(axis.dimension.values)))
    return FloatDistribution(0, 1)


def _told(axis: Axis, share: float) -> float:
    """Return a share as Optuna knows it: of a choice, the index of the value."""
    return int(share * len(axis.dimension.values)) if isinstance(axis.dimension, Choice) else share


def _heard(axis: Axis, found: float) -> float:
    if isinstance(axis.dimension, Choice):
        return (found + 0.5) / len(axis.dimension.values)
    return found


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Let Optuna print nothing in a block."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
