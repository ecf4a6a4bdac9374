"""What to take away from a recorded comparison, in sentences that the record decides.

Each sentence is written only where the numbers bear it out. So a new record makes none false.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from cifarkit.tables import percent
from writers.studies import Study

__all__ = ["sentences"]

MUCH_DEARER = 1.5  # times the cost: worth a sentence
SHOWN = 0.001  # a tenth of a point: the last digit of an accuracy
RISEN = 1.05  # times the lowest val loss: overfitting, and not just noise
OVERFITTING = "tutorials/04_reading_the_curves.md#learning-by-heart-overfitting"


def sentences(study: Study) -> Iterator[str]:
    """Yield what the record of a study shows, the most important first."""
    yield _order(study)
    yield from _luck(study)
    yield _verdicts(study)
    yield from _costs(study)
    if study.details is not None and "train_loss" in study.about.charts:
        yield from _overfitting(study)
        yield from _still_falling(study)
        yield _hardest_class(study)
        yield _mixed_up(study)


def _order(study: Study) -> str:
    means = {name: row["mean"] for name, row in study.variants.items()}
    best, worst = (pick(means, key=means.__getitem__) for pick in (max, min))
    return (
        f"`{best}` has the highest mean on test, {percent(means[best])}, and `{worst}` the lowest, "
        f"{percent(means[worst])}."
    )


def _luck(study: Study) -> Iterator[str]:
    """Yield what another seed changes, and whether single runs could have reversed an order."""
    scores = {name: list(found.values()) for name, found in study.scores.items()}
    widest = max(scores, key=lambda name: max(scores[name]) - min(scores[name]))
    low, high = min(scores[widest]), max(scores[widest])
    if low < high:
        yield (
            f"The seed alone moves the accuracy: `{widest}` has {100 * low:.1f} to "
            f"{percent(high)} over {len(scores[widest])} seeds."
        )
    ranked = sorted(scores, key=lambda name: study.variants[name]["mean"], reverse=True)
    for ahead, behind in itertools.pairwise(ranked):
        if min(scores[ahead]) < max(scores[behind]) - SHOWN:
            yield (
                f"With a single run each, you could have seen `{behind}` ahead of `{ahead}`. The "
                f"best run of `{behind}` has {percent(max(scores[behind]))}, the worst of "
                f"`{ahead}` {percent(min(scores[ahead]))}."
            )
            return


def _verdicts(study: Study) -> str:
    verdicts = [pair["verdict"] for pair in study.pairs]
    if verdicts == ["better"]:
        return "The two variants can be told apart with these seeds."
    if better := verdicts.count("better"):
        return f"Of {len(verdicts)} pairs of variants, {better} can be told apart with these seeds."
    if set(verdicts) == {"too few seeds"}:
        return "No pair of variants has a verdict: these are too few seeds for any difference."
    return "No pair of variants can be told apart with these seeds."


def _costs(study: Study) -> Iterator[str]:
    """Yield what the dearest variant costs and brings, compared with the first."""
    first, rows = next(iter(study.variants)), study.variants
    dearest = max(rows, key=lambda name: rows[name]["multiply_adds"])
    times = rows[dearest]["multiply_adds"] / rows[first]["multiply_adds"]
    if times < MUCH_DEARER:
        return
    longer = rows[dearest]["seconds"] / rows[first]["seconds"]
    clock = f" and {longer:.2g} times the training time" if study.is_of_one_machine else ""
    points = 100 * (rows[dearest]["mean"] - rows[first]["mean"])
    yield (
        f"`{dearest}` takes {_times(times)} the multiply-adds of `{first}`{clock}. Its mean is "
        f"{abs(points):.1f} points {'higher' if points >= 0 else 'lower'}."
    )


def _times(factor: float) -> str:
    return f"{factor:,.0f} times" if factor >= 10 else f"{factor:.1f} times"


def _overfitting(study: Study) -> Iterator[str]:
    found = []
    for name in study.variants:
        train, val = (study.curve(name, column) for column in ("train_loss", "val_loss"))
        lowest = val.mean.index(min(val.mean))
        if val.mean[-1] > RISEN * val.mean[lowest] and train.mean[-1] < train.mean[lowest]:
            found.append(
                f"`{name}` ({val.mean[lowest]:.2f} in epoch {val.epochs[lowest]}, "
                f"{val.mean[-1]:.2f} at the end)"
            )
    if found:
        yield (
            f"[Overfitting]({OVERFITTING}): the train loss falls, and the mean val loss rises "
            f"again. Seen in {_listed(found)}."
        )


def _still_falling(study: Study) -> Iterator[str]:
    curves = {name: study.curve(name, "val_loss") for name in study.variants}
    found = [f"`{name}`" for name, curve in curves.items() if min(curve.mean) == curve.mean[-1]]
    if found:
        yield f"The mean val loss is lowest in the last epoch for {_listed(found)}: no overfitting."


def _hardest_class(study: Study) -> str:
    """Name the class of which each variant recognises the smallest share."""
    hardest: dict[str, list[tuple[str, float]]] = {}
    for name in study.variants:
        recalls = [row[index] for index, row in enumerate(study.shares(name))]
        least = min(recalls)
        hardest.setdefault(study.classes[recalls.index(least)], []).append((name, least))
    return f"The class with the lowest recall is {_by_variant(hardest)}."


def _mixed_up(study: Study) -> str:
    """Name the two classes that each variant takes for each other most often."""
    worst: dict[str, list[tuple[str, float]]] = {}
    for name in study.variants:
        shares = study.shares(name)
        both = {
            (a, b): (shares[a][b] + shares[b][a]) / 2 for a in range(len(shares)) for b in range(a)
        }
        (a, b), share = max(both.items(), key=lambda item: item[1])
        words = f"{study.classes[b]} and {study.classes[a]}"
        worst.setdefault(words, []).append((name, share))
    return f"Most often mixed up are {_by_variant(worst, ' of their pictures')}."


def _by_variant(found: dict[str, list[tuple[str, float]]], of: str = "") -> str:
    """Write what was found, and of each variant only where they differ."""
    if len(found) == 1:
        ((words, variants),) = found.items()
        shares = sorted(share for _, share in variants)
        return f"{words} for every variant ({100 * shares[0]:.0f} to {100 * shares[-1]:.0f} %{of})"
    return ", ".join(
        f"{words} for {_listed([f'`{name}` ({100 * share:.0f} %)' for name, share in variants])}"
        for words, variants in found.items()
    )


def _listed(words: Sequence[str]) -> str:
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last
