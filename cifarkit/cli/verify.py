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
        help="The data that all of them should be of.",
        show_default="what each says",
    ),
]


def verify(
    runs: RunFolders,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train each again, too, and compare.")
    ] = False,
    data: SharedData = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, …")] = "auto",
    as_json: AsJson = False,
    imported: ImportFile = None,
) -> None:
    """Score runs again from their receipts and weights; exit status 0 when all are verified.

    Whatever is named and is no verified run counts as not verified, a file too: it may be work
    that nobody unpacked. `runs/*/` names folders alone.
    """
    import_models(imported)
    from cifarkit.verification.same_logits import families, same_logits

    width = max(len(str(run)) for run in runs)
    found = []
    for one in verifications(runs, data, retrain=retrain, device=device):
        found.append(one)
        if not as_json:  # as they come: sixty take a while
            echo(_describe(one, width))
    verified = sum(one.passed for one in found)
    pairs = list(same_logits(found))
    if as_json:
        echo(json.dumps([_to_json(one, pairs) for one in found]))
    else:
        for alike in families(pairs):
            said = ", ".join(printable(one.folder) for one in alike)
            said = f"the same logits under records that differ: {said}"
            echo("\n".join(wrapped(said, 80, "", "    ")))
        echo(f"{verified:,} of {len(found):,} verified")
    if verified < len(found):
        raise typer.Exit(1)


def verifications(
    folders: list[Path], data: str | None, *, retrain: bool = False, device: str = "auto"
) -> Iterator[Verification]:
    """Verify one run after the other; those of the same data share it.

    Args:
        folders: of the runs.
        data: what `--data` names; what each run says it was trained on when None.
        retrain: train each again.
        device: to do it on.
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
    """Load a source the first time; one that failed fails at once the next time.

    Raises:
        DataError: there is no such source, or it cannot be had.
    """
    from cifarkit.errors import DataError

    if not source:
        raise DataError("run.json names no source of its data; say with --data what it is")
    if source not in loaded:
        try:
            loaded[source] = load_source(source)
        except CifarkitError as error:
            loaded[source] = error
    found = loaded[source]
    if isinstance(found, CifarkitError):
        raise found
    return found


def _to_json(one: Verification, pairs: list[tuple[Verification, Verification]]) -> dict[str, Any]:
    others = [b if a is one else a for a, b in pairs if one in (a, b)]
    return {**one.to_json(), "same_logits": [str(other.folder) for other in others]}


def _describe(one: Verification, width: int) -> str:
    """Return a line for a run; below it what speaks against it, or how alike its repetition is."""
    lines = wrapped(f"{printable(one.folder):<{width}}  {one.verdict}", 80, "", "    ")
    for finding in one.findings:
        if finding.outcome == "failed" or finding.message.startswith("within seed noise"):
            hint = f" -> {finding.hint}" if finding.hint else ""
            lines += wrapped(f"{finding.check}: {finding.message}{hint}", 80, "    ", "      ")
    return "\n".join(lines)
