"""The page to hand in: one HTML file with everything in it."""

from __future__ import annotations

from pathlib import Path
from typing import overload

from cifarkit.comparison.comparison import Comparison
from cifarkit.data.splits import Splits
from cifarkit.errors import DataError, RunFolderError
from cifarkit.report.comparison_page import comparison_page
from cifarkit.report.run_page import run_page
from cifarkit.report.words import read_words
from cifarkit.runs.run import Run
from cifarkit.storage.atomic import check_new, write_text
from cifarkit.storage.folders import expanded

__all__ = ["write_report"]


@overload
def write_report(
    result: Run,
    splits: Splits,
    path: str | Path | None = None,
    *,
    author: str | None = None,
    notes: str | Path | None = None,
    live: bool = False,
) -> Path: ...
@overload
def write_report(
    result: Comparison,
    splits: None = None,
    path: str | Path | None = None,
    *,
    author: str | None = None,
    notes: str | Path | None = None,
) -> Path: ...


def write_report(
    result: Run | Comparison,
    splits: Splits | None = None,
    path: str | Path | None = None,
    *,
    author: str | None = None,
    notes: str | Path | None = None,
    live: bool = False,
) -> Path:
    """Write the page to hand in, of a run or of a comparison.

    A run is evaluated on test, or on val while it can be resumed. Its page has the result with its
    interval, the recipe, curves, confusion matrix, per-class table, samples, predictions, worst
    errors, heat maps if a layer allows them, layers and environment. The page of a comparison has
    the finding, every seed of every variant, the pairs with their verdicts, curves, recipes, runs
    and environment. It ends with what all this does not show. A page needs no connection and no
    other file.

    Args:
        result: a run, or what `ck.compare` returned.
        splits: the data of the run; a comparison needs none, because its runs keep their test
            predictions.
        path: the path of a new page. When None, it is `report.html` in the run's folder, or
            `comparison.html` next to the folders of the comparison's runs; these are overwritten.
        author: your name, below the title.
        notes: your text, below the result: plain text, in which a blank line begins a paragraph, or
            the `Path` of a UTF-8 file. Each call writes the whole page: give both again.
        live: whether the page of a run also holds the network itself, which then runs in the
            browser. A reader can draw or choose a picture, and see the answer, an occlusion map and
            the output of each layer. Such a page has a script, and still loads nothing.

    Returns:
        The path of the page.

    Raises:
        DataError: a run is given without splits, or a comparison with splits, or `result` is
            neither. Or the author is not a line of text, or the notes are not a text or cannot be
            read.
        TrainingError: the run can be resumed, and there is no val.
        NonFiniteLossError: the network gives NaN or infinity for an image.
        ExportError: with `live`, the network uses an operation that the page does not know, or it
            is too large.
        RunFolderError: the run has no folder, the file exists, or it cannot be written.

    >>> import tempfile
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.training.train import train
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> page = Path(tempfile.mkdtemp()) / "report.html"
    >>> write_report(train("linear", data, epochs=1), data, page) == page
    True
    """
    if not isinstance(result, Run | Comparison):
        raise DataError(
            f"a page is made of a run or a comparison, found {result!r}; ck.load_run reads a run "
            "from its folder"
        )
    words = read_words(author, notes)
    target = _target(result, path)
    if isinstance(result, Comparison):
        if splits is not None:
            raise DataError(
                "the report of a comparison takes no splits, because its runs keep their test "
                "predictions: call write_report(comparison, path=...)"
            )
        if live:
            raise DataError(
                "live=True is for a run, because a comparison keeps no network; write "
                "write_report(ck.load_run(folder), splits, live=True) for one of its runs"
            )
        page = comparison_page(result, words)
    elif splits is None:
        raise DataError(
            "the report of a run evaluates it on test and shows pictures of the data; give the "
            "splits it was trained on: write_report(run, splits)"
        )
    else:
        page = run_page(result, splits, words, live=live)
    try:
        write_text(target, page)
    except OSError as error:
        raise RunFolderError(f"the report {str(target)!r} cannot be written: {error}") from error
    return target


def _target(result: Run | Comparison, path: str | Path | None) -> Path:
    if path is not None:
        target = expanded(path)
        check_new(target)
        return target
    if isinstance(result, Comparison):
        return result.outcomes[0].folder.parent / "comparison.html"
    if result.folder is None:
        raise RunFolderError("the run has no folder; name the new file: path='report.html'")
    return Path(result.folder) / "report.html"
