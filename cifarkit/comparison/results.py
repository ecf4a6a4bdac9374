"""The runs of a comparison, and the numbers that they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cifarkit.comparison.ensembles import ensemble_accuracy
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
    """The numbers of variants over the same seeds; `Comparison` describes the arguments."""

    variants: tuple[Variant, ...]
    outcomes: tuple[Outcome, ...]
    data: Mapping[str, Any]
    failures: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()
    margin: float | None = None
    until: str | None = None

    def of(self, name: str) -> list[Outcome]:
        """Return the outcomes of one variant, by seed.

        Raises:
            ComparisonError: no variant has that name.
        """
        known = [variant.name for variant in self.variants]
        if name not in known:
            raise ComparisonError(
                f"no variant here is called {name!r}; there are {', '.join(known)}"
            )
        found = [outcome for outcome in self.outcomes if outcome.variant.name == name]
        return sorted(found, key=lambda outcome: outcome.seed)

    @cached_property
    def runs(self) -> dict[str, list[Run]]:
        """The runs of each variant by seed, with their networks; read at the first access."""
        return {
            name: [outcome.run() for outcome in self.of(name)]
            for name in (variant.name for variant in self.variants)
        }

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a variant: n, mean, sd and 95 % t-interval of test accuracy, cost, test access.

        Accuracies are in [0, 1]. `low`, `high` and `sd` are NaN for a single seed. `seconds` is the
        median of the training times, measured while other runs trained on the same machine.
        `ensemble` is the accuracy of the mean of the probabilities of all seeds; NaN for fewer
        than two.
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
        pairs = compare_pairs(
            {name: {run.seed: run.accuracy for run in self.of(name)} for name in variants},
            {
                name: {run.seed: run.test_predictions.correct for run in self.of(name)}
                for name in variants
            },
            lambda a, b: variants[a].differs_from(variants[b]),
            margin=self.margin,
            until_decided=self.until is not None,
        )
        order = list(variants)[::-1]
        return tuple(sorted(pairs, key=lambda pair: (order.index(pair.b), order.index(pair.a))))

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the results allow to say about each pair, in the order of the pairs."""
        until_decided = self.until is not None
        return tuple(
            verdict(pair, pairs=len(self.pairs), until_decided=until_decided) for pair in self.pairs
        )

    def best(self, column: str = "val_accuracy") -> str:
        """Return the name of the variant whose runs end with the best mean of a column.

        Only seeds that all variants have count: a variant that fails with most seeds does not win
        by the one seed that went well.

        Args:
            column: a column of the history; lower is better for a name that ends in `loss`.

        Raises:
            SelectionError: the column is measured on test, which only reports, or not every run has
                it.
            ComparisonError: the variants have no seed in common, or the column is NaN at the end of
                a run.
        """
        if str(column).startswith("test"):
            raise SelectionError(
                f"nothing may choose by {column!r}: after a choice on test, its accuracy no longer "
                f"shows how it does on new images. Use best({'val' + column[4:]!r})"
            )
        seeds = [{run.seed for run in self.of(variant.name)} for variant in self.variants]
        common = set.intersection(*seeds)
        if not common:
            raise ComparisonError(
                "the variants have no seed in common, so none can be chosen; train them with the "
                "same seeds, or compare only the variants whose runs have finished"
            )
        means = {}
        for variant in self.variants:
            runs = [run for run in self.of(variant.name) if run.seed in common]
            means[variant.name] = np.mean([run.history.column(column)[-1] for run in runs])
        if not np.isfinite(list(means.values())).all():
            raise ComparisonError(
                f"{column!r} is not a number in every run, so it cannot choose a variant; check "
                "the histories of the runs"
            )
        pick = min if column.endswith("loss") else max
        return pick(means, key=lambda name: float(means[name]))

    def _row(self, variant: Variant) -> dict[str, Any]:
        runs = self.of(variant.name)
        accuracies = np.array([run.accuracy for run in runs])
        span = t_interval(accuracies) if len(runs) > 1 else None
        network = summary(variant.build(num_classes=len(self.data["classes"])))
        return {
            "n": len(runs),
            "mean": accuracies.mean() if runs else np.nan,
            "sd": accuracies.std(ddof=1) if len(runs) > 1 else np.nan,
            "low": span.low if span else np.nan,
            "high": span.high if span else np.nan,
            "ensemble": ensemble_accuracy([run.test_predictions for run in runs])
            if len(runs) > 1
            else np.nan,
            "parameters": network.parameters,
            "multiply_adds": network.multiply_adds,
            "seconds": np.median([run.seconds for run in runs]) if runs else np.nan,
            "test": " / ".join(sorted({str(run.looks) for run in runs})) or "not looked at",
        }
