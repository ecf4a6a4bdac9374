"""What the results allow to say about two variants, in whole sentences."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from cifarkit.comparison.pairs import Pair
from cifarkit.comparison.power import seeds_needed, smallest_p
from cifarkit.comparison.sequential import first_look
from cifarkit.errors import DataError
from cifarkit.tables import p_value

__all__ = ["Verdict", "verdict"]

Kind = Literal["better", "the same", "not distinguishable", "not decided", "too few seeds"]


class Verdict(NamedTuple):
    """One of five kinds, and the sentences that state it with its numbers.

    Attributes:
        kind: `"better"`, `"the same"` (with a margin), `"not distinguishable"` or
            `"too few seeds"`; `"not decided"` instead of the third where there was a look after
            every seed.
        text: the sentences.

    >>> Verdict("better", "wide is better than narrow: …").kind
    'better'
    """

    kind: Kind
    text: str


def verdict(pair: Pair, *, pairs: int, until_decided: bool = False) -> Verdict:
    """Return what the seeds of two variants allow to say.

    One is better if p, after Holm over all pairs, is below .05. Otherwise there are either too few
    seeds for any p below .05, or the two are not distinguishable with that many seeds. This does
    not mean that they are equal, so the verdict gives the difference that could have been missed.
    The variant that is ahead is named first.

    With a margin the two can also be the same within it, if `p_same` is below .05. A small
    difference can be both certain and within the margin: then the verdict is "better", and the
    text says both.

    Args:
        pair: a pair of a comparison.
        pairs: how many pairs the comparison has.
        until_decided: whether there was a look after every seed.

    Raises:
        DataError: `pairs` is less than 1.

    >>> from cifarkit.evaluation.intervals import ConfidenceInterval
    >>> pair = Pair(
    ...     "batchnorm", "baseline", n=8, difference=0.021,
    ...     interval=ConfidenceInterval(0.012, 0.030), two_level=ConfidenceInterval(0.010, 0.032),
    ...     p=0.0078, p_error=0.0, p_holm=0.0234, wins=8, losses=0, same_answers=False,
    ...     detectable=0.014, changed={"batch_norm": (False, True)},
    ... )
    >>> print(verdict(pair, pairs=3).text)
    batchnorm is better than baseline: +2.1 points (95 % interval +1.2 to +3.0, p = .0234
    after Holm over 3 pairs, 8 seeds).
    """
    if pairs < 1:
        raise DataError(
            f"pairs must be 1 or more, found {pairs!r}; give the number of all pairs compared"
        )
    ahead = pair.mirrored() if pair.difference < 0 else pair
    needed = first_look(0.05 / pairs) if until_decided else seeds_needed(pairs)
    kind: Kind
    if until_decided and pair.n:
        kind, text = _after_looks(ahead, pairs, needed)
    elif pair.p_holm < 0.05:
        kind, text = "better", _better(ahead, pairs)
    elif pair.p_same is not None and pair.p_same < 0.05:
        kind, text = "the same", _the_same(ahead, pairs)
    elif pair.n >= needed:
        kind, text = "not distinguishable", _not_distinguishable(ahead, pairs)
    elif pair.n > 1:
        kind, text = "too few seeds", _too_few(ahead, pairs, needed)
    else:
        kind, text = "too few seeds", _one_or_none(ahead, needed)
    return Verdict(kind, " ".join([text, *_cautions(ahead, pairs, kind)]))


def _better(ahead: Pair, pairs: int) -> str:
    return (
        f"{ahead.a} is better than {ahead.b}: {_points(ahead.difference)} "
        f"({_interval(ahead)}, {_p(ahead.p_holm)}{_over(pairs)}, {ahead.n} seeds)."
    )


def _the_same(ahead: Pair, pairs: int) -> str:
    return (
        f"{ahead.a} and {ahead.b} are the same {_within(ahead)}: {_points(ahead.difference)} for "
        f"{ahead.a} ({_interval(ahead)}, {_p_same(ahead, pairs)}, {ahead.n} seeds)."
    )


def _within(pair: Pair) -> str:
    return f"within {100 * (pair.margin or 0):g} points"


def _p_same(pair: Pair, pairs: int) -> str:
    return f"{_p(pair.p_same or 0)}{_over(pairs)}"


def _after_looks(ahead: Pair, pairs: int, needed: int) -> tuple[Kind, str]:
    seeds = _seeds(ahead.n)
    if ahead.n < needed:
        return "too few seeds", (
            f"Too few seeds to tell {ahead.a} from {ahead.b}: they have {seeds}, and at least "
            f"{needed} are needed. What was seen: {_seen(ahead)}, {_points(ahead.difference)}."
        )
    numbers = f"{_interval(ahead)}, {_p(ahead.p_holm)}{_over(pairs)}"
    if ahead.p_holm < 0.05:
        return "better", (
            f"{ahead.a} is better than {ahead.b}: {_points(ahead.difference)} ({numbers}, decided "
            f"after {seeds})."
        )
    return "not decided", (
        f"{seeds} do not decide between {ahead.a} and {ahead.b}: {_points(ahead.difference)} for "
        f"{ahead.a} ({numbers}). This does not mean that they are equal."
    )


def _not_distinguishable(ahead: Pair, pairs: int) -> str:
    seen = (
        f"{ahead.a} and {ahead.b} are not distinguishable with {ahead.n} seeds: "
        f"{_points(ahead.difference)} for {ahead.a} ({_interval(ahead)}, "
        f"{_p(ahead.p_holm)}{_over(pairs)})."
    )
    if not ahead.detectable:
        return seen
    # Rounded up: the missed difference must not look smaller than it is.
    missed = math.ceil(1000 * ahead.detectable) / 10
    return f"{seen} A difference below about {missed:.1f} points could well have been missed."


def _too_few(ahead: Pair, pairs: int, needed: int) -> str:
    floor = min(1.0, pairs * smallest_p(ahead.n))
    return (
        f"Too few seeds to tell {ahead.a} from {ahead.b}: with {ahead.n} seeds the smallest "
        f"possible p is {p_value(floor)}{_over(pairs)}. At least {needed} seeds are needed. "
        f"What was seen: {_seen(ahead)}, "
        f"{_points(ahead.difference)} ({_interval(ahead)})."
    )


def _seen(ahead: Pair) -> str:
    if ahead.wins == ahead.losses == 0:
        return "the same accuracy in every run"
    return f"{ahead.a} is ahead with {ahead.wins} of {_seeds(ahead.n)}"


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _one_or_none(ahead: Pair, needed: int) -> str:
    if ahead.mcnemar is None:
        return (
            f"{ahead.a} and {ahead.b} have no seed in common, so they cannot be compared. "
            f"Train both with the same {needed} seeds."
        )
    only_a, only_b, p = ahead.mcnemar
    return (
        f"One seed cannot tell {ahead.a} from {ahead.b}: at least {needed} seeds are needed. Only "
        f"the network of {ahead.a} was right on {only_a} images, and only the network of {ahead.b} "
        f"on {only_b} (exact McNemar test, {_p(p)}). This says something about these two networks, "
        "not about the variants."
    )


def _cautions(pair: Pair, pairs: int, kind: Kind) -> list[str]:
    """Return warnings against wrong readings of the numbers."""
    cautions = []
    if pair.p_same is not None and kind != "the same":
        if pair.p_same < 0.05:
            said = f"But they are also the same {_within(pair)}"
        else:
            said = f"It is not shown that they are the same {_within(pair)}"
        cautions.append(f"{said} ({_p_same(pair, pairs)}).")
    if pair.p_holm < 0.05 and pair.two_level and pair.two_level.low <= 0 <= pair.two_level.high:
        cautions.append(
            "Other test images could reverse it: over seeds and images together the interval is "
            f"{pair.two_level.in_points()}."
        )
    if pair.same_answers:
        cautions.append(
            "Both were right and wrong on the same images in every run, like one variant under two "
            "names."
        )
    if not pair.changed:
        cautions.append("Nothing was changed between them, so any difference is chance.")
    elif len(pair.changed) > 1:
        cautions.append(
            f"More than one thing was changed between them: {', '.join(sorted(pair.changed))}. "
            "So the runs cannot tell which of these causes a difference."
        )
    return cautions


def _points(difference: float) -> str:
    return f"{100 * difference:+z.1f} points"


def _interval(pair: Pair) -> str:
    return f"95 % interval {pair.interval.in_points()}" if pair.interval else "no interval"


def _over(pairs: int) -> str:
    return "" if pairs == 1 else f" after Holm over {pairs} pairs"


def _p(p: float) -> str:
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
