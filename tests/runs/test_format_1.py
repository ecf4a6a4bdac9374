"""A record as an earlier version wrote it means the same run, under the same key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import cifarkit as ck
from cifarkit.runs.folder import RunFolder
from cifarkit.runs.identity import factors_of, key_of, training_of

if TYPE_CHECKING:
    from pathlib import Path

MIXUP = "cifarkit.training.callbacks.mixup.Mixup"


def as_once_written(about: dict[str, Any], *, has_listeners: bool = True) -> dict[str, Any]:
    """Return a record as it was when `Mixup` was a callback; and as it was before `listeners`."""
    recipe, facts = dict(about["recipe"]), dict(about["facts"])
    alpha = recipe.pop("mix")["alpha"]
    del recipe["sampling"]
    facts["callbacks"] = [f"{MIXUP}(alpha={alpha})", *facts["callbacks"]]
    facts["listeners"] = [{"kind": MIXUP, "fields": {"alpha": alpha}}, *facts["listeners"]]
    facts["intervening"] = [MIXUP, *facts["intervening"]]
    if not has_listeners:
        del facts["listeners"]
    return {**about, "recipe": recipe, "facts": facts}


@pytest.fixture
def folder(tiny: ck.Splits, tmp_path: Path) -> Path:
    """Return the folder of a run that was mixed, scored."""
    path, callbacks = tmp_path / "run", [ck.EarlyStopping(patience=9)]
    mix = ck.Mixup(alpha=0.5)
    run = ck.train("linear", tiny, epochs=2, mix=mix, callbacks=callbacks, run_dir=path)
    ck.score_on_test(run, tiny)
    return path


@pytest.mark.parametrize("has_listeners", [True, False])
def test_a_mixup_among_the_callbacks_is_read_as_the_mix(
    folder: Path, has_listeners: bool, tiny: ck.Splits
) -> None:
    now = RunFolder(folder).about()
    written = json.loads((folder / "run.json").read_text())
    once = json.dumps(as_once_written(written, has_listeners=has_listeners))
    (folder / "run.json").write_text(once)
    about = RunFolder(folder).about()
    assert factors_of(about) == factors_of(now)
    assert (training_of(about), key_of(about)) == (training_of(now), key_of(now))
    assert (about["facts"].intervening, len(about["facts"].callbacks)) == ([], 1)
    assert ck.load_run(folder).recipe.mix == ck.Mixup(alpha=0.5)
    assert ck.verify(folder, tiny, retrain=True).repeated == "bitwise equal"


def test_a_key_is_what_it_was_and_another_mix_has_another(folder: Path) -> None:
    about = RunFolder(folder).about()
    text = training_of(about)
    assert f'"{MIXUP}(alpha=0.5)"' in text
    assert not any(f'"{name}"' in text for name in ("mix", "sampling", "clip_norm"))
    recipe = about["recipe"]
    others = [
        {"mix": {"kind": "Mixup", "alpha": 0.4}},
        {"mix": {"kind": "CutMix", "alpha": 0.5}},
        {"mix": None},
        {"sampling": {"kind": "Balanced"}},
    ]
    keys = {key_of({**about, "recipe": recipe | other}) for other in [{}, *others]}
    assert len(keys) == 5


def test_a_comparison_uses_what_it_trained_by_the_callback(tiny: ck.Splits, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"seeds": 1, "epochs": 1, "run_dir": tmp_path, "show_progress": False}
    ck.compare(["linear"], tiny, **asked, mix=ck.Mixup(alpha=0.5))
    path = tmp_path / "linear-seed0" / "run.json"
    path.write_text(json.dumps(as_once_written(json.loads(path.read_text()))))
    ck.compare(["linear"], tiny, **asked, mix=ck.Mixup(alpha=0.5))
    assert [folder.name for folder in tmp_path.glob("linear*")] == ["linear-seed0"]
    ck.compare(["linear"], tiny, **asked, mix=ck.Mixup(alpha=0.6))  # a control
    assert len(list(tmp_path.glob("linear*"))) == 2
