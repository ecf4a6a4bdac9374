"""Run folders as each format once wrote them, kept for ever: what was handed in can be read.

`golden/format-1/finished` is a run of two epochs, `golden/format-1/interrupted` the same one, cut
off in its second. They were made, from the root of the repository, by::

    python tests/runs/test_golden_folders.py

and are never made again: a new format gets a folder beside them. `golden/mixup-callback` has the
same two with `callbacks=[ck.Mixup(alpha=0.5)]`, when that was still a callback.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from torch import nn

import cifarkit as ck
from cifarkit.errors import CifarkitWarning
from cifarkit.storage.state_file import load_state, save_state
from cifarkit.training import start

GOLDEN = Path(__file__).parent / "golden"
FORMATS = sorted(path.name for path in GOLDEN.glob("format-*"))
RECIPE = ck.Recipe(
    epochs=2,
    batch_size=20,
    optimizer=ck.AdamW(lr=0.01),
    schedule=ck.Cosine(),
    augment=(ck.Flip(),),
    ema_decay=0.5,
    precision="float32",
)
MADE_ON = {
    "versions": {
        "python": "3",
        "cifarkit": "0.1.0",
        "torch": "2",
        "torchvision": "0",
        "numpy": "2",
    },
    "platform": "nowhere",
    "device": "cpu",
    "cpu": "none that is sold",
    "threads": 1,
}
# What was printed when the folders were made.
VAL_LOSS = [0.7523216634988785, 0.7417150884866714]
LR = [0.0075, 0.0006698729810778076]
LAST_BIASES = [-0.1664751172065735, 0.17006120085716248]  # of the linear layer


class Interrupt(ck.Callback):
    """Asks for an end in the second step of the second epoch, as Ctrl-C does."""

    def on_batch_end(self, run: ck.Run) -> None:
        if (run.now.epoch, run.now.step) == (1, 1):
            run.interrupt()


def fit(folder: Path, *callbacks: Any, **changes: Any) -> ck.Run:
    @ck.register_model("tiny-golden", recipe=RECIPE, summary="one convolution", replace=True)
    def tiny_golden(*, num_classes: int = 10) -> nn.Module:
        pooled = nn.AvgPool2d(16), nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Flatten()
        return nn.Sequential(*pooled, nn.Linear(8, num_classes))

    # No generator of anybody's: these pictures are the same for ever.
    images = (np.arange(80 * 32 * 32 * 3) ** 2 % 251).astype(np.uint8).reshape(80, 32, 32, 3)
    labels = np.arange(80) % 2
    data = ck.load_arrays(
        *(images[:70], labels[:70], images[70:], labels[70:]), classes=["cat", "dog"], val_size=10
    )
    callbacks = (ck.EarlyStopping(patience=9), *callbacks)
    asked: dict[str, Any] = {"callbacks": callbacks, "run_dir": folder, "resume": True}
    return ck.train("tiny-golden", data, seed=3, device="cpu", **asked, **changes)


def make(folder: Path) -> None:
    with mock.patch.object(start, "describe_environment", return_value=MADE_ON):
        fit(folder / "finished")
        with suppress(KeyboardInterrupt):
            fit(folder / "interrupted", Interrupt())


def last_biases(run: ck.Run) -> list[float]:
    return run.model.state_dict()["4.bias"].tolist()


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of a folder, for a resumed run writes."""
    shutil.copytree(GOLDEN / request.param, tmp_path / "golden")
    fit(tmp_path / "known")  # registers the network
    return tmp_path / "golden"


each_finished = pytest.mark.parametrize(
    "folder", [f"{one}/finished" for one in FORMATS], indirect=True
)
each_interrupted = pytest.mark.parametrize(
    "folder", [f"{one}/interrupted" for one in FORMATS], indirect=True
)


@each_finished
def test_a_finished_run_is_read_as_it_was_written(folder: Path) -> None:
    run = ck.load_run(folder)
    assert repr(run) == "Run('tiny-golden', seed 3, 2 epochs, finished)"
    assert run.recipe == RECIPE
    assert run.classes == ("cat", "dog")
    assert run.facts["environment"] == MADE_ON
    assert run.history.column("val_loss") == VAL_LOSS
    assert run.history.column("lr") == LR
    assert last_biases(run) == LAST_BIASES
    assert not run.model.training


@each_interrupted
@pytest.mark.parametrize("lost", [False, True], ids=["newest", "previous"])
def test_an_interrupted_run_is_gone_on_with_to_the_same_end(folder: Path, lost: bool) -> None:
    """As near to it as another processor computes; both checkpoints are good for that."""
    assert ck.load_run(folder).status == "interrupted"
    if lost:
        (folder / "checkpoint.safetensors").unlink()
    with pytest.warns(CifarkitWarning, match="CPU none that is sold then"):
        run = fit(folder)
    assert run.facts["resumed"] == ["epoch 2, step 1" if lost else "epoch 2, step 3"]
    assert run.history.column("val_loss") == pytest.approx(VAL_LOSS, rel=1e-3)
    assert last_biases(run) == pytest.approx(LAST_BIASES, rel=1e-2, abs=1e-4)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("history.csv", "run.json", "weights.safetensors")
    ]


MIX = ck.Mixup(alpha=0.5)
MIXED_VAL_LOSS = [0.7517137795686721, 0.740873995423317]
MIXED_BIASES = [-0.1664530634880066, 0.17003917694091797]


@pytest.mark.parametrize("folder", ["mixup-callback/finished"], indirect=True)
def test_a_callback_that_mixed_is_the_mix_of_the_recipe(folder: Path) -> None:
    run = ck.load_run(folder)
    assert run.recipe == RECIPE.replace(mix=MIX)
    (stopper,) = run.facts.callbacks_as_values()
    assert stopper.kind.endswith("EarlyStopping")
    assert (len(run.facts.callbacks), run.facts.intervening) == (1, [])
    assert last_biases(run) == MIXED_BIASES
    assert fit(folder, mix=MIX).history.column("val_loss") == MIXED_VAL_LOSS


@pytest.mark.filterwarnings("ignore:a mix belongs to the recipe now:DeprecationWarning")
@pytest.mark.parametrize("folder", ["mixup-callback/interrupted"], indirect=True)
@pytest.mark.parametrize(("callbacks", "changes"), [((), {"mix": MIX}), ((MIX,), {})])
def test_a_run_that_a_callback_mixed_goes_on(
    folder: Path, callbacks: tuple[Any, ...], changes: dict[str, Any]
) -> None:
    with pytest.raises(ck.CheckpointError, match=r"mix: .*'alpha': 0\.5.* there, None here"):
        fit(folder)
    with pytest.warns(CifarkitWarning, match="CPU none that is sold then") as told:
        run = fit(folder, *callbacks, **changes)
    assert not any("may change batches" in str(warning.message) for warning in told)
    assert run.facts["resumed"] == ["epoch 2, step 3"]
    found = run.history.column("val_loss")
    assert found == pytest.approx(MIXED_VAL_LOSS, rel=1e-4)
    assert found != pytest.approx(VAL_LOSS, rel=1e-4)  # the negative control


@pytest.mark.parametrize("folder", ["format-1/interrupted"], indirect=True)
def test_from_other_weights_another_end_is_reached(folder: Path) -> None:
    """The negative control."""
    path = folder / "checkpoint.safetensors"
    state = load_state(path)
    state["model"]["4.weight"].neg_()
    save_state(path, state)
    with pytest.warns(CifarkitWarning, match="CPU none that is sold then"):
        run = fit(folder)
    assert run.history.column("val_loss") != pytest.approx(VAL_LOSS, rel=1e-3)


@pytest.mark.parametrize("folder", ["format-1/interrupted"], indirect=True)
@pytest.mark.parametrize(
    ("version", "cure"),
    [
        *((2, "newer"), (99, "newer"), (0, "damaged"), (-1, "damaged"), (None, "damaged")),
        *(("1", "damaged"), (True, "damaged"), (1.0, "damaged"), ([1], "damaged")),
    ],
)
def test_a_format_that_is_not_known_is_a_typed_error(folder: Path, version: Any, cure: str) -> None:
    found = rf"has format {json.dumps(version)}".replace("[", r"\[")
    found = found.replace("null", "None").replace("true", "True").replace('"', "'")
    path, about = folder / "checkpoint.safetensors", folder / "run.json"
    state = load_state(path)
    save_state(path, state | {"format": version})
    with pytest.raises(ck.CheckpointError, match=f"checkpoint .* {found}, .*{cure}"):
        fit(folder)
    about.write_text(json.dumps(json.loads(about.read_text()) | {"format": version}))
    for read in (fit, ck.load_run):
        with pytest.raises(ck.RunFolderError, match=f"{found}, .*{cure}"):
            read(folder)


@pytest.mark.parametrize("kept", sorted(GOLDEN.rglob("*.*")), ids=lambda path: path.name)
def test_what_is_kept_names_no_machine_and_is_small(kept: Path) -> None:
    content = kept.read_bytes()
    assert len(content) < 30_000
    for place in (b"/home/", b"/root/", b"/tmp/", b"/Users/", b"Linux"):
        assert place not in content


if __name__ == "__main__":
    make(GOLDEN / "format-1")
