"""The runs of a comparison, and the numbers that they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cifarkit.comparison.outcomes import Outcome
from cifarkit.comparison.pairs import Pair, compare_pairs
from cifarkit.comparison.statistics import t_interval
from cifarkit.comparison.verdicts import Verdict, verdict
from cifarkit.errors import ComparisonError, SelectionError
from cifarkit.models.summary import summary
from cifarkit.models.variant import Variant
from cifarkit.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Results"]


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """Variants over the same seeds, in numbers; `Comparison` says what it takes, and tells it."""

    variants: tuple[Variant, ...]
    outcomes: tuple[Outcome, ...]
    data: Mapping[str, Any]
    failures: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()

    def of(self, name: str) -> list[Outcome]:
        """Return the outcomes of one variant, by seed.

        Raises:
            ComparisonError: none of its variants has that name.
        """
        known = [variant.name for variant in self.variants]
        if name not in known:
            raise ComparisonError(
                f"no variant here is called {name!r}; there are {', '.join(known)}"
            )
        own = [one for one in self.outcomes if one.variant.name == name]
        return sorted(own, key=lambda one: one.seed)

    @cached_property
    def runs(self) -> dict[str, list[Run]]:
        """The runs of each variant by seed, with their networks; read when first asked for."""
        return {
            variant.name: [one.run() for one in self.of(variant.name)] for variant in self.variants
        }

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a variant: n, mean, sd and 95 % t-interval of test accuracy, cost, looks.

        Accuracies in [0, 1]; `low`, `high` and `sd` are NaN for a single seed; `seconds` is the
        median of the training times, as they were on a machine that trained other runs beside.
        """
        import pandas as pd

        return pd.DataFrame(
            [self._row(variant) for variant in self.variants],
            index=pd.Index([variant.name for variant in self.variants], name="variant"),
        )

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every two variants over the seeds that both have, the later one first."""
        variants = {variant.name: variant for variant in reversed(self.variants)}
        found = compare_pairs(
            {name: {one.seed: one.accuracy for one in self.of(name)} for name in variants},
            {
                name: {one.seed: one.test_predictions.correct for one in self.of(name)}
                for name in variants
            },
            lambda a, b: variants[a].differs_from(variants[b]),
        )
        order = list(variants)[::-1]
        return tuple(sorted(found, key=lambda pair: (order.index(pair.b), order.index(pair.a))))

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What may be said of each pair, in the order of the pairs."""
        return tuple(verdict(pair, pairs=len(self.pairs)) for pair in self.pairs)

    def best(self, column: str = "val_accuracy") -> str:
        """Return the name of the variant whose runs end with the best mean of a column.

        Only seeds that all variants have count, so that a variant which fails with most seeds does
        not win by the one that went well.

        Args:
            column: of the history; lower is better for a name that ends in `loss`.

        Raises:
            SelectionError: it is of test, which only reports, or not every run has it.
            ComparisonError: the variants have no seed in common, or a run ends with NaN there.
        """
        if str(column).startswith("test"):
            raise SelectionError(
                f"nothing may choose by {column!r}: what is chosen on test no longer tells how it "
                f"does on new images. Use best({'val' + column[4:]!r})"
            )
        seeds = [{one.seed for one in self.of(variant.name)} for variant in self.variants]
        common = set.intersection(*seeds)
        if not common:
            raise ComparisonError(
                "the variants have no seed in common, so none can be chosen; train them with the "
                "same seeds, or compare those whose runs came to their end"
            )
        means = {}
        for variant in self.variants:
            own = [one for one in self.of(variant.name) if one.seed in common]
            means[variant.name] = np.mean([one.history.column(column)[-1] for one in own])
        if not np.isfinite(list(means.values())).all():
            raise ComparisonError(
                f"{column!r} is not a number in every run, so nothing can be chosen by it; look "
                "into the histories"
            )
        pick = min if column.endswith("loss") else max
        return pick(means, key=lambda name: float(means[name]))

    def _row(self, variant: Variant) -> dict[str, Any]:
        own = self.of(variant.name)
        accuracies = np.array([one.accuracy for one in own])
        span = t_interval(accuracies) if len(own) > 1 else None
        network = summary(variant.build(num_classes=len(self.data["classes"])))
        return {
            "n": len(own),
            "mean": accuracies.mean() if own else np.nan,
            "sd": accuracies.std(ddof=1) if len(own) > 1 else np.nan,
            "low": span.low if span else np.nan,
            "high": span.high if span else np.nan,
            "parameters": network.parameters,
            "multiply_adds": network.multiply_adds,
            "seconds": np.median([one.seconds for one in own]) if own else np.nan,
            "test": " / ".join(sorted({str(one.looks) for one in own})) or "not looked at",
        }
