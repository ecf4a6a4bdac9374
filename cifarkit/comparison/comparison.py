"""A comparison of variants as text, in a notebook, and as Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cifarkit.blocks import Block, Readable, as_markdown, as_page
from cifarkit.comparison.formats import as_csv, as_json
from cifarkit.comparison.results import Results
from cifarkit.comparison.wording import heading, outline, variant_table
from cifarkit.errors import UnknownArgumentError
from cifarkit.guidance import Guided, lacking
from cifarkit.storage.atomic import write_new_text
from cifarkit.tables import in_latex

__all__ = ["Comparison"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Results, Guided, Readable):
    """Variants over the same seeds, with the verdicts on each pair; from `ck.compare`.

    `str()` is a page with the table, the pairs and the verdicts.

    Args:
        variants: with the recipes of their training, in the order of the call.
        outcomes: one for each finished run.
        data: name, fingerprint and sizes of the data.
        failures: why the other runs are missing, a sentence each.
        left_out: the seeds that did not fit into the budget.
        margin: the difference, as a fraction, within which two variants count as the same.
        until: `"decided"` if there was a look after every seed; None if the seeds were fixed.

    >>> import tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from cifarkit.comparison.compare import compare
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> with ThreadPoolExecutor(1) as here:
    ...     comparison = compare(
    ...         ["linear", "mlp"],
    ...         data,
    ...         seeds=2,
    ...         epochs=1,
    ...         run_dir=tempfile.mkdtemp(),
    ...         executor=here,
    ...         show_progress=False,
    ...     )
    >>> comparison.verdicts[0].kind
    'too few seeds'
    >>> comparison.best() in ("linear", "mlp")
    True
    """

    def __repr__(self) -> str:
        names = ", ".join(variant.name for variant in self.variants)
        return f"Comparison({names}; {len(self.outcomes)} runs on {self.data['name']})"

    def __str__(self) -> str:
        return as_page(*self.blocks())

    def blocks(self) -> Sequence[Block]:
        """Return the tables, the notes and the verdicts."""
        return outline(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}

    def __getitem__(self, key: Any) -> NoReturn:
        """Refuse an index: it could mean a seed or a variant; the error says where runs are."""
        raise UnknownArgumentError(lacking("Comparison", "[]", ()))

    def to_markdown(self) -> str:
        """Return the table, the pairs and the verdicts as Markdown."""
        return as_markdown(*self.blocks())

    def to_latex(self) -> str:
        r"""Return the table for LaTeX, with the rules of the package booktabs.

        The document needs `\usepackage{booktabs}`.
        """
        return f"% {in_latex(heading(self))}\n{variant_table(self).as_latex()}"

    def to_csv(self, path: str | Path) -> None:
        """Write one row a run: variant, seed, accuracies, seconds, folder.

        Raises:
            RunFolderError: the file exists already, and nothing is overwritten.
            OSError: the file cannot be written.
        """
        write_new_text(path, as_csv(self))

    def to_json(self) -> str:
        """Return everything as a JSON document, for programs."""
        return json.dumps(as_json(self), indent=2)
