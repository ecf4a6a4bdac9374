"""The text of a search: its trials, which number to report, and whether tuning helped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cifarkit.blocks import Block, Heading, Points
from cifarkit.comparison.wording import changes, notes, pair_table, variant_table
from cifarkit.tables import Table, duration, percent
from cifarkit.tuning.optimism import overstatement
from cifarkit.tuning.results import Results
from cifarkit.values import Value, written

__all__ = ["as_setting", "outline", "tuning_finding"]

SHOWN = 10  # trials in the table of the page


def outline(search: Results) -> list[Block]:
    """Return the whole text of a search, in reading order."""
    return [
        heading(search),
        trial_table(search),
        Points(list(costs(search))),
        Heading("On fresh seeds"),
        variant_table(search.comparison),
        Points(list(notes(search.comparison))),
        pair_table(search.comparison),
        Heading("What may be said"),
        Points(list(findings(search))),
    ]


def heading(search: Results) -> str:
    """Return a line with the variant, the space, the number of trials and the data."""
    data = search.comparison.data
    sampler = "Optuna's TPE sampler" if search.sampler == "optuna" else "random search"
    return (
        f"{search.variant.name}, {len(search.outcomes)} trials by {sampler} over "
        f"{' and '.join(search.space)}, on {data['name']}: {data['train']:,} train, "
        f"{data['val']:,} val, {data['test']:,} test images"
    )


def trial_table(search: Results) -> Table:
    """Return a row for each of the best trials, the best first."""
    ranked = sorted(search.outcomes, key=lambda trial: -(trial.val_accuracy or 0.0))[:SHOWN]
    rows = [
        [
            str(trial.number),
            *(as_setting(trial.setting[path]) for path in search.space),
            "-" if trial.val_accuracy is None else percent(trial.val_accuracy),
            duration(trial.seconds),
        ]
        for trial in ranked
    ]
    return Table(["trial", *search.space, "val accuracy", "time"], rows, align="r")


def costs(search: Results) -> Iterator[str]:
    """Yield what the search used: looks at val and test, and time."""
    outcomes, runs = search.outcomes, search.comparison.outcomes
    if len(outcomes) > SHOWN:
        yield f"The table has the best {SHOWN} of {len(outcomes)} trials; search.trials has all."
    evaluations = sum(trial.val_evaluations for trial in outcomes)
    compared = sum(trial.val_accuracy is not None for trial in outcomes)
    yield (
        f"Val was evaluated {evaluations:,} times, once an epoch, and {compared} of these "
        "accuracies were compared to choose."
    )
    looked = [trial for trial in outcomes if trial.test != "not looked at"]
    yield (
        f"Test was evaluated in {len(looked)} trials, outside this search. It did not choose."
        if looked
        else "Test: no trial looked at it."
    )
    tried, compared_for = (sum(each.seconds for each in some) for some in (outcomes, runs))
    yield (
        f"Training took {duration(search.seconds)}: {duration(tried)} for the trials and "
        f"{duration(compared_for)} for {len(runs)} runs on fresh seeds."
    )
    if search.left_out:
        yield f"{search.left_out} more trials did not fit into the budget."
    failed = [trial for trial in outcomes if trial.error]
    yield from (
        f"Trial {trial.number} failed and counts as the worst: {' '.join(trial.error.split())}"
        for trial in failed
    )


def findings(search: Results) -> Iterator[str]:
    """Yield what the search allows to say, the verdict first."""
    yield f"{tuning_finding(search)} Changed: {changes(search.pair)}."
    yield from numbers(search)
    yield (
        "Perhaps the authors of the default have tuned it, too. To compare two variants, search "
        "for both with the same number of trials (Bouthillier et al. 2021)."
    )


def tuning_finding(search: Results) -> str:
    """Return whether tuning helped, with the verdict on the fresh seeds."""
    text = search.verdict.text
    if search.helped:
        return f"Tuning helped. {text}"
    if search.verdict.kind == "better" and search.pair.difference < 0:
        return f"Tuning did harm. {text}"
    return f"Tuning is not shown to help. {text}"


def numbers(search: Results) -> Iterator[str]:
    """Yield which of three accuracies of the best to report, and why not the others."""
    winner, name = search.winner, search.best.name
    runs = search.comparison.of(name)
    if not runs:
        yield "There is no number to report: no run of the best on fresh seeds has finished."
        return
    # The same setting twice gives the same run, as all trials have one seed.
    settings = {repr(each.setting) for each in search.outcomes if each.val_accuracy is not None}
    images = search.comparison.data["val"]
    yield (
        f"Report {percent(search.accuracy)}, the mean on test over {_seeds(len(runs))} that the "
        "search has not seen."
    )
    if len(settings) > 1:
        bias = 100 * overstatement(len(settings), search.val_accuracy, images)
        yield (
            f"Do not report {percent(search.naive_accuracy)}, which trial {winner.number} has on "
            "val: it won by being the highest."
        )
        yield (
            f"If all {len(settings)} settings were equally good, the best would still lie about "
            f"{bias:.1f} points too high, by the chance of {images:,} val images (Cawley and "
            "Talbot 2010)."
        )
    yield (
        f"On val the fresh seeds have {percent(search.val_accuracy)}. They correct the luck of one "
        "training. They do not correct the luck with the val images, which chose the setting."
    )


def as_setting(value: Any) -> str:
    """Write a value of a setting in one short piece.

    >>> as_setting(0.00123456), as_setting(64), as_setting(())
    ('0.00123', '64', 'none')
    """
    if isinstance(value, float):
        return f"{value:.3g}"
    if value is None or value == ():
        return "none"
    parts: Sequence[Any] = value if isinstance(value, tuple) else (value,)
    text = ", ".join(written(part) if isinstance(part, Value) else str(part) for part in parts)
    return text if len(text) <= 40 else text[:37] + "..."


def _seeds(count: int) -> str:
    return "one seed" if count == 1 else f"{count} seeds"
