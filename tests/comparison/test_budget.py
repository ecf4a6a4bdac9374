"""What fits into a time."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import cifarkit as ck
from cifarkit.comparison import budget
from cifarkit.comparison.budget import cells_within, seconds_of, time_cell
from cifarkit.comparison.cell_training import Workplace
from cifarkit.comparison.cells import Cell, plan_cells


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("30 min", 1800), ("1.5h", 5400), ("90s", 90), ("90", 90), (2.5, 2.5)],
)
def test_a_time_is_read_as_it_is_written(text: Any, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0", "-3m", "1d", "1h30m", "nan", "inf", 0, -1, None])
def test_what_is_no_time_is_refused(text: Any) -> None:
    with pytest.raises(ck.ComparisonError, match="'30m'"):
        seconds_of(text)


@pytest.fixture
def workplace(tiny: ck.Splits, tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    place.put_data(tiny)
    return place


def cells_of(tiny: ck.Splits, run_dir: Path, seeds: int, *names: str) -> list[Cell]:
    return plan_cells(
        [ck.get_variant(name) for name in names],
        range(seeds),
        tiny,
        run_dir=run_dir,
        device=torch.device("cpu"),
        callbacks=(),
    )


@pytest.mark.parametrize(("seconds", "seeds"), [(30, 1), (59, 1), (60, 2), (89, 2), (1_000, 4)])
def test_as_many_whole_seeds_as_fit(
    seconds: float,
    seeds: int,
    tiny: ck.Splits,
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    here: ThreadPoolExecutor,
) -> None:
    costs = {"linear": 10.0, "mlp": 20.0}
    monkeypatch.setattr(budget, "time_cell", lambda cell, *_: costs[cell.variant.name])
    cells = cells_of(tiny, workplace.path, 4, "linear", "mlp")
    chosen = cells_within(seconds, cells, workplace, device=torch.device("cpu"), executor=here)
    assert chosen == cells[: 2 * seeds]


@pytest.mark.parametrize(("seconds", "seeds"), [(30, 3), (90, 3), (120, 4)])
def test_what_is_there_is_taken_and_the_same_line_again_adds_nothing(
    seconds: float,
    seeds: int,
    tiny: ck.Splits,
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    here: ThreadPoolExecutor,
) -> None:
    monkeypatch.setattr(budget, "time_cell", lambda *_: 15.0)
    cells = [
        dataclasses.replace(cell, is_done=cell.seed < 3)
        for cell in cells_of(tiny, workplace.path, 4, "linear", "mlp")
    ]
    chosen = cells_within(seconds, cells, workplace, device=torch.device("cpu"), executor=here)
    assert chosen == cells[: 2 * seeds]


def test_a_trial_reckons_with_all_images_and_epochs(tiny: ck.Splits, workplace: Workplace) -> None:
    few, many = (
        Cell(
            ck.Variant("one", ck.get_variant("linear").builder, recipe=ck.Recipe(epochs=epochs)),
            0,
            "cpu",
            (),
            workplace.path / "run",
            "key",
            is_done=False,
        )
        for epochs in (1, 1_000)
    )
    # A thousand times the epochs: no load of a machine makes up for that.
    assert 0 < time_cell(few, workplace, None) < time_cell(many, workplace, None)
    assert not (workplace.path / "run").exists()


@pytest.mark.parametrize(("trial_epochs", "is_right"), [(budget.TRIAL_EPOCHS, True), (1, False)])
def test_a_trial_of_windows_that_grow_is_right_on_the_mean(
    trial_epochs: int,
    is_right: bool,
    tiny: ck.Splits,
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that counts the pixels of a training; the control looks at the last epoch alone."""
    clock = [0]

    def count_pixels(variant: ck.Variant, splits: ck.Splits, **_: Any) -> None:
        epochs = variant.recipe.epochs
        for epoch in range(epochs):
            asked = {"seed": 0, "epoch": epoch, "epochs": epochs, "augment": variant.recipe.augment}
            for batch in ck.training_batches(splits.train, variant.recipe.batch_size, **asked):
                clock[0] += batch.images.numel()

    monkeypatch.setattr(budget, "train", count_pixels)
    monkeypatch.setattr(budget.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(budget, "TRIAL_EPOCHS", trial_epochs)
    recipe = ck.Recipe(epochs=12, batch_size=10, augment=(ck.GrowingCrop(first=20, last=28),))
    growing = ck.Variant("growing", ck.get_variant("linear").builder, recipe=recipe)
    cell = Cell(growing, 0, "cpu", (), workplace.path / "run", "key", is_done=False)
    reckoned = time_cell(cell, workplace, None)
    clock[0] = 0
    count_pixels(growing, tiny)
    assert (abs(reckoned / clock[0] - 1) < 0.05) == is_right
