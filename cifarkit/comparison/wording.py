"""The text of a comparison: its heading, rows, notes, changes and limitations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cifarkit.blocks import Block, Heading, Points
from cifarkit.comparison.collapse import collapsed_runs
from cifarkit.comparison.outcomes import Outcome
from cifarkit.comparison.pairs import Pair
from cifarkit.comparison.power import power_of, smallest_p
from cifarkit.comparison.results import Results
from cifarkit.comparison.sequential import first_look
from cifarkit.comparison.spread import differences_of_pairs
from cifarkit.evaluation.intervals import ConfidenceInterval
from cifarkit.runs.facts import Facts
from cifarkit.tables import Table, duration, p_value, percent
from cifarkit.values import Value, written

__all__ = [
    "changes",
    "ensembles",
    "heading",
    "limitations",
    "notes",
    "outline",
    "pair_table",
    "variant_table",
]

POINT = 0.01  # the difference whose chance to be found is noted
# Columns with the highest rank are left out first when a line is too long for the terminal.
VARIANT_COLUMNS = {
    "variant": 0,
    "n": 0,
    "test accuracy": 0,
    "95 % interval": 0,
    "sd": 1,
    "parameters": 2,
    "mult-adds": 4,
    "time": 3,
}
NOT_SEARCHED = (
    "Whether networks know test pictures from training: near-duplicates were not searched for. "
    "Type ck.near_duplicates(data), or cifarkit data SOURCE --near-duplicates, and compare again."
)
PAIR_COLUMNS = {
    "pair": 0,
    "n": 3,
    "points": 0,
    "95 % interval": 0,
    "and over images": 2,
    "p": 1,
    "p, Holm": 0,
}


def outline(results: Results) -> list[Block]:
    """Return the whole text of a comparison, in reading order."""
    blocks: list[Block] = [heading(results), variant_table(results), Points(list(notes(results)))]
    if results.pairs:
        sentences = [
            f"{verdict.text} Changed from {pair.b} to {pair.a}: {changes(pair)}."
            for pair, verdict in zip(results.pairs, results.verdicts, strict=True)
        ]
        blocks += [pair_table(results), Heading("What may be said"), Points(sentences)]
    if together := ensembles(results):
        blocks += [Heading("All seeds together"), Points(together)]
    return [*blocks, Heading("What this does not show"), Points(limitations(results))]


def heading(results: Results) -> str:
    """Return a line with the number of variants and seeds, and the data."""
    data = results.data
    seeds = len({outcome.seed for outcome in results.outcomes})
    return (
        f"{_count(len(results.variants), 'variant')}, {_count(seeds, 'seed')}, on "
        f"{data['name']}: {data['train']:,} train, {data['val']:,} val, {data['test']:,} test "
        "images"
    )


def variant_table(results: Results) -> Table:
    """Return a row for each variant."""
    rows = []
    for name, row in results.table.iterrows():
        spread = not math.isnan(row["sd"])
        rows.append(
            [
                str(name),
                str(row["n"]),
                percent(row["mean"]) if row["n"] else "-",
                str(ConfidenceInterval(row["low"], row["high"]).clipped()) if spread else "-",
                f"{100 * row['sd']:.2f}" if spread else "-",
                f"{row['parameters']:,}",
                _in_millions(row["multiply_adds"]),
                duration(row["seconds"]) if row["n"] else "-",
            ]
        )
    return Table(list(VARIANT_COLUMNS), rows, ranks=list(VARIANT_COLUMNS.values()))


def pair_table(results: Results) -> Table:
    """Return a row for each pair; differences are in percentage points."""
    rows = [
        [
            f"{pair.a} - {pair.b}",
            str(pair.n),
            f"{100 * pair.difference:+z.1f}" if pair.n else "-",
            pair.interval.in_points() if pair.interval else "-",
            pair.two_level.in_points() if pair.two_level else "-",
            p_value(pair.p) if pair.n > 1 else "-",
            p_value(pair.p_holm) if pair.n > 1 else "-",
        ]
        for pair in results.pairs
    ]
    return Table(list(PAIR_COLUMNS), rows, ranks=list(PAIR_COLUMNS.values()))


def notes(results: Results) -> Iterator[str]:
    """Yield what a reader must know about the runs."""
    table = results.table
    ways = dict(table["test"])
    if len(set(ways.values())) == 1:
        yield f"Test: {next(iter(ways.values()))}."
    else:
        for way in dict.fromkeys(ways.values()):
            names = ", ".join(name for name in ways if ways[name] == way)
            yield f"Test of {names}: {way}."
    yield from _failed_runs(results)
    trained = sorted({outcome.seed for outcome in results.outcomes})
    if trained != list(range(len(trained))):
        yield f"Seeds: {', '.join(map(str, trained))}."
    error = max((pair.p_error for pair in results.pairs), default=0.0)
    if _was_looked_at(results):
        yield (
            "There was a look at the results after every seed. The numbers of a pair are of its "
            "seeds up to the decision, and n counts these. Its p and its interval allow for the "
            f"looks (standard error of p at most {error:.1g})."
        )
        yield (
            "The accuracies of single variants do not allow for the looks. A study that stops "
            "early shows differences that are too large on average."
        )
    elif error:
        yield (
            f"p is estimated: with more than 16 seeds there are too many sign flips to count them "
            f"all (standard error at most {error:.1g})."
        )
    if not results.until:
        yield from _power(results)
    yield from (f"Not in the table: {' '.join(failure.split())}" for failure in results.failures)
    if results.left_out:
        seeds = ", ".join(map(str, results.left_out))
        noun = "seed" if len(results.left_out) == 1 else "seeds"
        yield f"Not in the table: {noun} {seeds}, which did not fit into the budget."
    kinds = {_environment(outcome.facts) for outcome in results.outcomes}
    yield from (f"Trained on {kind}." for kind in sorted(kinds))


def _was_looked_at(results: Results) -> bool:
    """Return whether there was a look: with fewer seeds than it takes, there was none."""
    needed = first_look(0.05 / max(1, len(results.pairs)))
    return results.until is not None and any(pair.n >= needed for pair in results.pairs)


def _power(results: Results) -> Iterator[str]:
    """Yield how often such a study finds a difference of a point, if seeds are enough for any.

    It is for a fixed number of seeds: looks stop a study after as many as the results ask for.
    """
    alpha = 0.05 / max(1, len(results.pairs))
    differences = differences_of_pairs(
        {
            variant.name: {run.seed: run.accuracy for run in results.of(variant.name)}
            for variant in results.variants
        }
    ).values()
    enough = [values for values in differences if smallest_p(len(values)) < alpha]
    if not enough:
        return
    powers = sorted(
        power_of(POINT, values.std(ddof=1), len(values), alpha=alpha) for values in enough
    )
    counts = sorted({len(values) for values in enough})
    least, most = f"{100 * powers[0]:.0f}", f"{100 * powers[-1]:.0f}"
    several = len(results.pairs) > 1
    depends = "depends on the pair, and is" if least != most else "is"
    yield (
        f"With {' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} seeds and this "
        f"spread, a true difference of {100 * POINT:.1f} points would be found in "
        f"{least if least == most else f'{least} to {most}'} % of such studies."
        f"{f' This share {depends} after Holm over {len(results.pairs)} pairs.' if several else ''}"
    )


def _failed_runs(results: Results) -> Iterator[str]:
    """Yield a sentence for each variant of which some runs ended far below the others."""
    for variant in results.variants:
        ordered = sorted(outcome.accuracy for outcome in results.of(variant.name))
        if count := collapsed_runs(ordered, results.data["test"]):
            others = ordered[count:]
            yield (
                f"{count} of {len(ordered)} runs of {variant.name} failed: "
                f"{_from_to(ordered[:count])}, where the others reach {_from_to(others)}. So the "
                "mean does not describe the others. No test can tell how often runs fail: train "
                "more seeds, or change the recipe."
            )


def _from_to(ordered: Sequence[float]) -> str:
    first, last = percent(ordered[0]), percent(ordered[-1])
    return first if first == last else f"{first} to {last}"


def ensembles(results: Results) -> list[str]:
    """Return the accuracy of each variant's seeds as an ensemble, and what kind of number it is."""
    rows = results.table[results.table["n"] > 1]
    sentences = [
        f"{name}: the mean of {row['n']} seeds' probabilities is right on "
        f"{percent(row['ensemble'])} of the test images."
        for name, row in rows.iterrows()
    ]
    if not sentences:
        return []
    return [
        *sentences,
        "All networks of a variant together are an ensemble (Lakshminarayanan et al. 2017). Its "
        "accuracy is one number, without an interval over seeds. It takes the time of all its "
        "networks.",
    ]


def changes(pair: Pair) -> str:
    """Return what changes from the second variant of a pair to the first."""
    if not pair.changed:
        return "nothing"
    return ", ".join(
        f"{name} {_short(theirs)} -> {_short(ours)}"
        for factor, (theirs, ours) in pair.changed.items()
        for name, (theirs, ours) in _opened(factor, theirs, ours).items()
    )


def limitations(results: Results) -> list[str]:
    """Return what the comparison does not show, a sentence each."""
    data, several = results.data, len({outcome.seed for outcome in results.outcomes}) > 1
    sentences = [
        f"How the variants do on pictures that are not from {data['name']}.",
        "What tuning would change: every variant was trained with one recipe. Another learning "
        "rate or more epochs can change its accuracy, and the order.",
    ]
    if len(results.variants) > 1:
        sentences.append(
            "Why one is ahead: if more than one thing was changed, the runs cannot tell which of "
            "them is the cause."
        )
    if several and results.pairs:
        unclear = "not decided" if results.until else "not distinguishable"
        sentences.append(
            f'That two variants are equal: "{unclear}" means only that this many seeds '
            "cannot tell them apart."
        )
        of_seeds = "intervals include only the chance in the seeds."
        sentences.append(
            f"How other test images would rank them: the {of_seeds}"
            if results.until
            else 'How other test images would rank them: only the column "and over images" '
            f"includes the chance in the images. The other {of_seeds}"
        )
    sentences += _near_duplicates(results)
    if not several:
        sentences.append("What another seed would change: there is one seed of each.")
    if data["name"] == "synthetic":
        sentences.insert(0, "Anything about CIFAR-10: the pictures are drawn by a program.")
    return sentences


def _near_duplicates(results: Results) -> list[str]:
    """Return what test pictures that look like one of train or val do to the accuracies."""
    data, near = results.data, results.data.get("near_duplicates")
    if near is None:
        return [] if data["name"] == "synthetic" else [NOT_SEARCHED]
    correlation = f"a correlation of {near['threshold']:g} or more"
    if not near["test"]:
        return [
            "What cropped or recoloured copies do: such copies are not found. No test picture has "
            f"{correlation} with one of train or val, at 16 by 16 pixels."
        ]
    shares = [
        "{} has {} (with them {}).".format(
            variant.name, *map(percent, _without(near["test"], runs))
        )
        for variant in results.variants
        if (runs := results.of(variant.name))
    ]
    return [
        f"How the variants do on new pictures alone: {len(near['test']):,} of {data['test']:,} "
        f"test pictures look like one of train or val. This means {correlation} at 16 by 16 pixels "
        f"(after Barz and Denzler 2020). Without these, {' '.join(shares)}"
    ]


def _without(test: Sequence[int], runs: Sequence[Outcome]) -> tuple[float, float]:
    """Return the mean accuracy of runs without these test pictures, and with all."""
    correct = np.mean([run.test_predictions.correct for run in runs], axis=0)  # test images
    return float(np.delete(correct, test).mean()), float(correct.mean())


def _environment(facts: Facts) -> str:
    environment = facts.environment
    versions = environment["versions"]
    return (
        f"{environment['device']} ({environment['cpu']}, {_count(environment['threads'], 'thread')}"
        f" a run) in {facts.precision}, torch {versions['torch']}, cifarkit "
        f"{versions['cifarkit']}"
    )


def _in_millions(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e5 else f"{count:,}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _opened(factor: str, theirs: Any, ours: Any) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which two values of the same kind differ, each under its path.

    Of two tuples, such as augmentations, only the values that are in one of them are kept. One
    value that is left on each side is opened. If only the order differs, all are kept.
    """
    if _are_values(theirs) and _are_values(ours):
        only_theirs = tuple(value for value in theirs if value not in ours)
        only_ours = tuple(value for value in ours if value not in theirs)
        if len(only_theirs) == len(only_ours) == 1 and type(only_theirs[0]) is type(only_ours[0]):
            return _opened(f"{factor}.{type(only_ours[0]).__name__}", only_theirs[0], only_ours[0])
        return {factor: (only_theirs, only_ours) if only_theirs or only_ours else (theirs, ours)}
    if not isinstance(theirs, Value) or type(theirs) is not type(ours):
        return {factor: (theirs, ours)}
    return {f"{factor}.{name}": both for name, both in ours.differs_from(theirs).items()}


def _are_values(thing: Any) -> bool:
    return isinstance(thing, tuple) and all(isinstance(value, Value) for value in thing)


def _short(value: Any) -> str:
    """Write a value in one short piece; of values, only the fields that are not the default."""
    if value in ((), None):
        return "none"
    parts = value if _are_values(value) else (value,)
    text = ", ".join(written(part) if isinstance(part, Value) else repr(part) for part in parts)
    return text if len(text) <= 80 else text[:77] + "..."
