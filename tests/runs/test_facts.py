"""A record is checked as it is read. The message names what was found, and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cifarkit as ck
from cifarkit.runs.facts import Facts

EARLY = "cifarkit.training.callbacks.early_stopping.EarlyStopping"


@pytest.fixture
def folder(tiny: ck.Splits, tmp_path: Path) -> Path:
    early = ck.EarlyStopping("val_loss", patience=2)
    ck.train("linear", tiny, epochs=2, callbacks=[early], run_dir=tmp_path / "run", device="cpu")
    return tmp_path / "run"


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    about = json.loads((folder / "run.json").read_text())
    change(about)
    (folder / "run.json").write_text(json.dumps(about))


EDITED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no recipe": (lambda it: it.update(recipe=None), "found None as recipe"),
    "a seed as text": (lambda it: it.update(seed="7"), "found '7' as seed"),
    "no classes": (lambda it: it.pop("classes"), "run.json has no 'classes'"),
    "facts as a list": (lambda it: it.update(facts=[]), r"must be a dict, found \[\]"),
    "empty data": (lambda it: it["facts"].update(data={}), "data has no 'fingerprint'"),
    "no versions": (lambda it: it["facts"]["environment"].pop("versions"), "has no 'versions'"),
    "no data": (lambda it: it["facts"].pop("data"), "there is no 'data' in the facts"),
    "a number as status": (
        lambda it: it["facts"].update(status=3),
        "found 3 as status, and allowed is a value of type str",
    ),
    "seconds as text": (lambda it: it["facts"].update(seconds="9"), "allowed is a number"),
    "one callback more": (
        lambda it: it["facts"]["callbacks"].append("Mine"),
        "numbers of callbacks and listeners differ",
    ),
    "a listener of nothing": (lambda it: it["facts"].update(listeners=[{}]), "each has a 'kind'"),
    "another compile": (lambda it: it["facts"].update(compile="yes"), "one of 'auto', 'on', 'off'"),
}


@pytest.mark.parametrize("what", EDITED)
def test_an_edited_record_is_refused_by_what_was_found_in_it(
    what: str, folder: Path, tiny: ck.Splits
) -> None:
    change, message = EDITED[what]
    edit(folder, change)
    early = ck.EarlyStopping("val_loss", patience=2)
    for read in (
        lambda: ck.load_run(folder),
        lambda: ck.train(
            "linear", tiny, epochs=2, callbacks=[early], run_dir=folder, resume=True, device="cpu"
        ),
    ):
        with pytest.raises(ck.RunFolderError, match=message):
            read()
    assert not ck.verify(folder, tiny).passed


def test_a_finished_run_that_lost_epochs_is_refused(folder: Path) -> None:
    lines = (folder / "history.csv").read_text().splitlines()
    (folder / "history.csv").write_text("\n".join(lines[:2]) + "\n")
    with pytest.raises(
        ck.RunFolderError, match=r"is finished, and history\.csv has 1 of its 2 epochs"
    ):
        ck.load_run(folder)
    (folder / "history.csv").unlink()
    with pytest.raises(ck.RunFolderError, match="has 0 of its 2 epochs"):
        ck.load_run(folder)


def test_callbacks_come_back_as_values_from_this_record_and_from_one_before(folder: Path) -> None:
    facts = ck.load_run(folder).facts
    (value,) = facts.callbacks_as_values()
    fields = {"column": "val_loss", "patience": 2, "min_delta": 0.0, "restore": True}
    assert (value.kind, value.fields) == (EARLY, fields)
    assert Facts(callbacks=facts.callbacks).callbacks_as_values() == [value]  # only its text
    assert Facts(callbacks=["mine.Odd(<3>)"]).callbacks_as_values()[0] == ("mine.Odd", None)


def test_what_another_version_wrote_stays_and_old_names_are_read() -> None:
    needed = Facts(
        data={"name": "mine", "fingerprint": "b57d"},
        environment={"versions": {}, "device": "cpu", "cpu": "x", "threads": 1},
    ).to_json()
    document = needed | {"steps_recorded": True, "steps_by_hand_because": "x", "novel": [1]}
    facts = Facts.from_json(document)
    assert (facts.steps_captured, facts.eager_because) == (True, "x")
    assert facts["novel"] == facts.to_json()["novel"] == [1]
    assert Facts.from_json(facts.to_json()).to_json() == facts.to_json()
