"""A search as text, in a notebook and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cifarkit.blocks import Block, Readable, as_markdown, as_page
from cifarkit.guidance import Guided
from cifarkit.tuning.results import Results
from cifarkit.tuning.wording import outline

__all__ = ["Search"]


@dataclass(frozen=True, eq=False, repr=False)
class Search(Results, Guided, Readable):
    """A search for a better recipe, and its winner on fresh seeds; from `ck.search`.

    `str()` is a page with the trials, the numbers and the verdict.

    Args:
        variant: with its own settings, the default.
        best: the variant with the winner's settings.
        space: what was varied.
        sampler: `"optuna"` or `"random"`.
        seed: the seed of all trials.
        outcomes: one for each trial, by number.
        comparison: the default and the best, over fresh seeds, each run once on test.
        left_out: how many trials did not fit into the budget.

    >>> import tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.tuning.search import search
    >>> from cifarkit.tuning.space import LogRange
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> with ThreadPoolExecutor(1) as here:
    ...     found = search(
    ...         "linear", data, {"optimizer.lr": LogRange(1e-4, 1e-1)}, trials=2, seeds=2,
    ...         epochs=1, run_dir=tempfile.mkdtemp(), executor=here, show_progress=False,
    ...     )
    >>> found.best.name, found.helped, list(found.trials["test"])
    ('linear-tuned', False, ['not looked at', 'not looked at'])
    """

    def __repr__(self) -> str:
        data = self.comparison.data["name"]
        return f"Search({self.variant.name}; {len(self.outcomes)} trials on {data})"

    def __str__(self) -> str:
        return as_page(*self.blocks())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}

    def blocks(self) -> Sequence[Block]:
        """Return the best trials, what may be said, and what it cost."""
        return outline(self)

    def to_markdown(self) -> str:
        """Return the page as Markdown."""
        return as_markdown(*self.blocks())
