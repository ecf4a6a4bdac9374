"""Data as people have it in their hands, where splits or an image set are meant."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

import cifarkit as ck

IMAGES, LABELS = torch.rand(4, 3, 32, 32), torch.zeros(4, dtype=torch.int64)
DATASET = TensorDataset(IMAGES, LABELS)
ARRAYS, DATASETS = r"ck.load_arrays\(x_train, y_train, ", r"ck.load_dataset\(train, test\)"
IN_HAND: dict[str, tuple[Any, str]] = {
    "loader": (DataLoader(DATASET), DATASETS),
    "two loaders": ((DataLoader(DATASET), DataLoader(DATASET)), DATASETS),
    "data set": (DATASET, DATASETS),
    "pairs": ([(IMAGES[0], 1)], DATASETS),
    "x and y": ((IMAGES, LABELS), ARRAYS),
    "x": (IMAGES.numpy(), ARRAYS),
    "name": ("synthetic", r"ck.load_data\('synthetic'\)"),
    "folder": (Path("pets"), r"ck.load_data\('pets'\)"),
    "nothing": (None, r"ck.load_cifar10\(\)"),
}


@pytest.mark.parametrize(("thing", "said"), IN_HAND.values(), ids=IN_HAND.keys())
def test_the_loader_that_fits_is_named(thing: Any, said: str) -> None:
    model = ck.create_model("linear")
    uses: list[Callable[[], Any]] = [
        lambda: ck.train("linear", thing),
        lambda: ck.Trainer().fit(model, thing),
        lambda: ck.evaluate(model, thing),
    ]
    for use in uses:
        with pytest.raises(ck.DataError, match=said):
            use()


def test_what_is_swapped_is_said_to_be(tiny: ck.Splits) -> None:
    with pytest.raises(ck.DataError, match=r"swapped; write ck.train\('linear', data\)"):
        ck.train(tiny, "linear")  # type: ignore[arg-type]
    with pytest.raises(ck.DataError, match=r"swapped; write ck.Trainer\(\).fit\(network, data\)"):
        ck.Trainer().fit(tiny, ck.create_model("linear"))  # type: ignore[arg-type]
    with pytest.raises(ck.DataError, match=r"such as splits.test; found Splits$"):
        ck.evaluate(ck.create_model("linear"), tiny)  # type: ignore[arg-type]


def test_cifar_in_folders_of_classes_is_read_as_such(tmp_path: Path) -> None:
    (tmp_path / "train" / "cat").mkdir(parents=True)
    with pytest.raises(ck.DataError, match=r"read by ck.load_image_folder\('.*'\)$"):
        ck.load_cifar10(tmp_path, download=False)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are UTF-8 there")
def test_a_name_in_utf_8_is_no_fault_of_the_folder(tmp_path: Path) -> None:
    for place in ("train/häuser", "train/b"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(tmp_path / place / "1.png")
    code = "import cifarkit as ck, sys; ck.load_image_folder(sys.argv[1])"
    surroundings = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, env=surroundings
    )
    assert "is UTF-8, but Python reads names as ascii; set PYTHONUTF8=1" in done.stderr
