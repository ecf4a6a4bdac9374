"""A comparison in words and tables: terminal, Markdown, LaTeX, CSV, JSON."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cifarkit.comparison.pairs import Pair
from cifarkit.comparison.progress import in_words

if TYPE_CHECKING:
    from cifarkit.comparison.comparison import Comparison

__all__ = [
    "as_csv",
    "as_json",
    "as_latex",
    "as_markdown",
    "as_text",
    "heading",
    "limits",
    "notes",
    "pair_rows",
    "variant_rows",
]

WIDTH = 80
Rows = list[list[str]]
# What is left out first where a line would be longer than the terminal.
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
PAIR_COLUMNS = {
    "pair": 0,
    "n": 3,
    "points": 0,
    "95 % interval": 0,
    "and over images": 2,
    "p": 1,
    "p, Holm": 0,
}


def heading(comparison: Comparison) -> str:
    """Return what was compared on what, in a line."""
    data = comparison.data
    seeds = len({one.seed for one in comparison.outcomes})
    return (
        f"{_count(len(comparison.variants), 'variant')}, {_count(seeds, 'seed')}, on "
        f"{data['name']}: {data['train']:,} train, {data['val']:,} val, {data['test']:,} test "
        "images"
    )


def variant_rows(comparison: Comparison) -> Rows:
    """Return a row for each variant, under the names of `VARIANT_COLUMNS`."""
    rows = []
    for name, row in comparison.table.iterrows():
        spread = not math.isnan(row["sd"])
        rows.append(
            [
                str(name),
                str(row["n"]),
                f"{100 * row['mean']:.2f} %" if row["n"] else "-",
                f"{100 * row['low']:.1f} to {100 * row['high']:.1f} %" if spread else "-",
                f"{100 * row['sd']:.2f}" if spread else "-",
                f"{row['parameters']:,}",
                _in_millions(row["multiply_adds"]),
                in_words(row["seconds"]) if row["n"] else "-",
            ]
        )
    return rows


def pair_rows(comparison: Comparison) -> Rows:
    """Return a row for each pair, under the names of `PAIR_COLUMNS`; points are of 100."""
    return [
        [
            f"{pair.a} - {pair.b}",
            str(pair.n),
            f"{100 * pair.difference:+z.2f}" if pair.n else "-",
            str(pair.interval) if pair.interval else "-",
            str(pair.two_level) if pair.two_level else "-",
            f"{pair.p:.3f}" if pair.n > 1 else "-",
            f"{pair.p_holm:.3f}" if pair.n > 1 else "-",
        ]
        for pair in comparison.pairs
    ]


def notes(comparison: Comparison) -> Iterator[str]:
    """Yield what a reader must know of the runs."""
    table = comparison.table
    ways = dict(table["test"])
    if len(set(ways.values())) == 1:
        yield f"Test: {next(iter(ways.values()))}."
    else:
        yield f"Test: {'; '.join(f'{name} {way}' for name, way in ways.items())}."
    yield from (f"Not in the table: {failure}" for failure in comparison.failures)
    if comparison.left_out:
        seeds = ", ".join(map(str, comparison.left_out))
        yield f"Not in the table: seeds {seeds}, for which the budget had no room."
    kinds = {_environment(one.facts) for one in comparison.outcomes}
    yield from (f"Trained on {kind}." for kind in sorted(kinds))


def changes(pair: Pair) -> str:
    """Return what differs between a pair, from the second to the first."""
    if not pair.changed:
        return "nothing"
    return ", ".join(
        f"{factor} {_short(theirs)} -> {_short(ours)}"
        for factor, (theirs, ours) in pair.changed.items()
    )


def limits(comparison: Comparison) -> list[str]:
    """Return what the comparison does not show, a sentence each."""
    data, several = comparison.data, len({one.seed for one in comparison.outcomes}) > 1
    sentences = [
        f"How the variants do on other pictures than those of {data['name']}.",
        "Which is better when each is tuned: every variant was trained by the one recipe that is "
        "shown for it, and another rate or more epochs can turn the order round.",
        "Why one is ahead: where more than one thing was changed, the runs cannot tell which.",
    ]
    if several:
        sentences.append(
            "That two variants are equal: not distinguishable means that so many seeds cannot "
            "tell them apart."
        )
        sentences.append(
            "How another set of test images would rank them, but for the column `and over images`: "
            "the other intervals speak of seeds alone, on these test images."
        )
    else:
        sentences.append("What another seed would bring: there is one seed of each.")
    if data["name"] == "synthetic":
        sentences.insert(0, "Anything about CIFAR-10: the pictures are drawn by a program.")
    return sentences


def as_text(comparison: Comparison) -> str:
    """Return the whole comparison for a terminal of 80 columns."""
    parts = [
        heading(comparison),
        _aligned(VARIANT_COLUMNS, variant_rows(comparison)),
        "\n".join(_filled(note) for note in notes(comparison)),
    ]
    if comparison.pairs:
        parts.append(_aligned(PAIR_COLUMNS, pair_rows(comparison)))
        verdicts = zip(comparison.pairs, comparison.verdicts, strict=True)
        parts.append(
            "What may be said\n"
            + "\n".join(
                f"- {_filled(f'changed from {p.b} to {p.a}: {changes(p)}.', 2)[2:]}\n"
                + _filled(verdict.text, 2)
                for p, verdict in verdicts
            )
        )
    parts.append(
        "What this does not show\n"
        + "\n".join(f"- {_filled(one, 2)[2:]}" for one in limits(comparison))
    )
    return "\n\n".join(parts)


def as_markdown(comparison: Comparison) -> str:
    """Return the whole comparison as Markdown."""
    parts = [heading(comparison), _piped(list(VARIANT_COLUMNS), variant_rows(comparison))]
    parts += list(notes(comparison))
    if comparison.pairs:
        parts.append(_piped(list(PAIR_COLUMNS), pair_rows(comparison)))
        verdicts = zip(comparison.pairs, comparison.verdicts, strict=True)
        parts.append(
            "\n".join(
                f"- {verdict.text} Changed from {pair.b} to {pair.a}: {changes(pair)}."
                for pair, verdict in verdicts
            )
        )
    parts.append("What this does not show:")
    parts.append("\n".join(f"- {one}" for one in limits(comparison)))
    return "\n\n".join(parts) + "\n"


def as_latex(comparison: Comparison) -> str:
    """Return the table of variants for LaTeX with booktabs."""
    rows = [list(VARIANT_COLUMNS), *variant_rows(comparison)]
    lines = [" & ".join(_escaped(cell) for cell in row) + r" \\" for row in rows]
    return "\n".join(
        [
            rf"% {heading(comparison)}",
            rf"\begin{{tabular}}{{l{'r' * (len(VARIANT_COLUMNS) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def as_csv(comparison: Comparison) -> str:
    """Return one row a run."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["variant", "seed", "test_accuracy", "val_accuracy", "seconds", "folder"])
    for one in comparison.outcomes:
        val = one.history[-1].get("val_accuracy", "")
        table.writerow(
            [one.variant.name, one.seed, one.accuracy, val, one.seconds, one.folder.as_posix()]
        )
    return text.getvalue()


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return everything as JSON types; what is not there is null."""
    return {
        "data": dict(comparison.data),
        "variants": [
            {"name": name, **{key: _plain(value) for key, value in row.items()}}
            for name, row in comparison.table.iterrows()
        ],
        "recipes": {one.name: one.recipe.to_json() for one in comparison.variants},
        "runs": [
            {
                "variant": one.variant.name,
                "seed": one.seed,
                "test_accuracy": one.accuracy,
                "val_accuracy": one.history[-1].get("val_accuracy"),
                "seconds": one.seconds,
                "folder": one.folder.as_posix(),
                "environment": one.facts["environment"],
            }
            for one in comparison.outcomes
        ],
        "pairs": [
            {key: _plain(value) for key, value in asdict(pair).items() if key != "changed"}
            | {"changed": changes(pair), "verdict": verdict.kind, "text": verdict.text}
            for pair, verdict in zip(comparison.pairs, comparison.verdicts, strict=True)
        ],
        "failures": list(comparison.failures),
        "left_out_seeds": list(comparison.left_out),
    }


def _aligned(columns: dict[str, int], rows: Rows) -> str:
    """Return a table in columns, without those of the highest rank where it would be too wide."""
    names = list(columns)
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    kept = set(range(len(names)))
    while sum(widths[i] + 2 for i in kept) - 2 > WIDTH and any(columns[names[i]] for i in kept):
        kept.remove(max(kept, key=lambda i: columns[names[i]]))
    return "\n".join(
        "  ".join(
            f"{cell:<{widths[i]}}" if i == 0 else f"{cell:>{widths[i]}}"
            for i, cell in enumerate(row)
            if i in kept
        ).rstrip()
        for row in [names, *rows]
    )


def _piped(names: Sequence[str], rows: Rows) -> str:
    rule = ["---", *["---:"] * (len(names) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(names), rule, *rows])


def _filled(text: str, indent: int = 0) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)


def _escaped(text: str) -> str:
    for character in "&%_#$":
        text = text.replace(character, f"\\{character}")
    return text


def _environment(facts: dict[str, Any]) -> str:
    environment = facts["environment"]
    versions = environment["versions"]
    return (
        f"{environment['device']} ({environment['cpu']}, {_count(environment['threads'], 'thread')}"
        f" a run), torch {versions['torch']}, cifarkit {versions['cifarkit']}"
    )


def _in_millions(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e5 else f"{count:,}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _short(value: Any) -> str:
    text = "none" if value in ((), None) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.item() if hasattr(value, "item") else value
