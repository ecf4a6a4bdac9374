"""`cifarkit verify`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cifarkit.cli.data_source import load_source
from cifarkit.cli.options import AsJson, ImportFile, import_models
from cifarkit.cli.saying import echo
from cifarkit.errors import CifarkitError
from cifarkit.findings import wrapped
from cifarkit.storage.folders import expanded
from cifarkit.tables import printable

if TYPE_CHECKING:
    from cifarkit.data.splits import Splits
    from cifarkit.verification.verify import Verification

__all__ = ["RunFolders", "SharedData", "verifications", "verify"]

RunFolders = Annotated[
    list[Path], typer.Argument(metavar="RUN", help="The folders of runs, such as runs/*.")
]
SharedData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="The data that all runs must be trained on.",
        show_default="what each run says",
    ),
]


def verify(
    runs: RunFolders,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Also train each run again, and compare.")
    ] = False,
    data: SharedData = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, …")] = "auto",
    as_json: AsJson = False,
    imported: ImportFile = None,
) -> None:
    """Check runs again by their test predictions and weights; exit status 0 if all are verified.

    A path that is not a run counts as not verified. So does a file: it may be an archive that you
    have not unpacked yet. `runs/*/` names only folders.
    """
    import_models(imported)
    from cifarkit.verification.same_logits import families, same_logits

    width = max(len(str(run)) for run in runs)
    results = []
    for run in verifications(runs, data, retrain=retrain, device=device):
        results.append(run)
        if not as_json:  # one by one: sixty runs take a while
            echo(_describe(run, width))
    verified = sum(run.passed for run in results)
    pairs = list(same_logits(results))
    if as_json:
        echo(json.dumps([_to_json(run, pairs) for run in results]))
    else:
        for alike in families(pairs):
            folders = ", ".join(printable(run.folder) for run in alike)
            message = f"the same logits or weights, but different records: {folders}"
            echo("\n".join(wrapped(message, 80, "", "    ")))
        echo(f"{verified:,} of {len(results):,} verified")
    if verified < len(results):
        raise typer.Exit(1)


def verifications(
    folders: list[Path], data: str | None, *, retrain: bool = False, device: str = "auto"
) -> Iterator[Verification]:
    """Verify one run after the other; runs of the same data share it.

    Args:
        folders: the runs' folders.
        data: what `--data` names. When None, the data that each run says it was trained on.
        retrain: train each run again.
        device: the device to evaluate and train on.
    """
    from cifarkit.runs.folder import RunFolder
    from cifarkit.verification.verify import unreadable
    from cifarkit.verification.verify import verify as verify_run

    loaded: dict[str, Splits | CifarkitError] = {}
    for folder in folders:
        try:
            about = RunFolder(expanded(folder)).about()
            splits = _load_once(data or _source_of(about["facts"].get("data")), loaded)
        except CifarkitError as error:
            yield unreadable(folder, error)
            continue
        if retrain:
            echo(f"{printable(folder)}: checked, then trained again …", err=True)
        yield verify_run(folder, splits, retrain=retrain, device=device)


def _source_of(recorded: object) -> str:
    source = recorded.get("source") if isinstance(recorded, dict) else None
    return source if isinstance(source, str) else ""


def _load_once(source: str, loaded: dict[str, Splits | CifarkitError]) -> Splits:
    """Load a source the first time; a source that failed fails at once the next time.

    Raises:
        DataError: there is no such source, or it cannot be loaded.
    """
    from cifarkit.errors import DataError

    if not source:
        raise DataError("run.json does not name a source of its data; name it with --data SOURCE")
    if source not in loaded:
        try:
            loaded[source] = load_source(source)
        except CifarkitError as error:
            loaded[source] = error
    entry = loaded[source]
    if isinstance(entry, CifarkitError):
        raise entry
    return entry


def _to_json(run: Verification, pairs: list[tuple[Verification, Verification]]) -> dict[str, Any]:
    others = [b if a is run else a for a, b in pairs if run in (a, b)]
    return {**run.to_json(), "same_logits": [str(other.folder) for other in others]}


def _describe(run: Verification, width: int) -> str:
    """Return a line for a run; below it what failed, and what a repetition has shown."""
    lines = wrapped(f"{printable(run.folder):<{width}}  {run.verdict}", 80, "", "    ")
    for finding in run.findings:
        is_telling = finding.message.startswith("within seed noise") or finding.check == "seconds"
        if finding.outcome == "failed" or is_telling:
            hint = f" -> {finding.hint}" if finding.hint else ""
            lines += wrapped(f"{finding.check}: {finding.message}{hint}", 80, "    ", "      ")
    return "\n".join(lines)
