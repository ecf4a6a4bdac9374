"""Write the drawn pictures that two explorers show: `python tests/benchmarks/explorers.py`.

The augmentations get six pictures and the figure that stands where scripts are off. The confusion
browser gets a short training, its predictions, and the pictures that it was tested on.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

import cifarkit as ck
from cifarkit.runs.environment import describe_environment

EXPLORERS = Path(__file__).parents[2] / "docs" / "explorers"
CLEAR = [3, 14, 35, 22, 51, 66]  # test pictures that show their shape well
STILL = ck.Recipe(augment=(ck.Flip(), ck.Crop(padding=4), ck.Cutout(size=8)))
TRAINING = {"n_train": 3_000, "n_test": 600, "val_size": 300}
EPOCHS, COLUMNS, QUALITY = 4, 30, 85


def augmentations() -> None:
    data = ck.load_synthetic(n_train=200, n_test=100, val_size=20)
    chosen = data.test.subset(CLEAR)
    pictures = [
        {"name": data.classes[label], "bytes": in_base64(image.numpy().tobytes())}
        for image, label in zip(chosen.images, chosen.labels.tolist(), strict=True)
    ]
    write_data("augmentations", "EXPLORER_PICTURES", {"pictures": pictures})
    figure = Figure(figsize=(3.6, 4), dpi=160)  # letters that a phone can show
    ck.plots.augmented(STILL, chosen, n=3, epochs=2, figure=figure)
    figure.savefig(EXPLORERS / "augmentations.png", metadata={"Software": None})


def confusion() -> None:
    data = ck.load_synthetic(**TRAINING)
    run = ck.train("baseline", data, epochs=EPOCHS, precision="float32", show_progress=False)
    evaluation = ck.evaluate(run.model, data.test)
    print(evaluation)
    rows = np.arange(len(evaluation))
    contents = {
        "command": "python tests/benchmarks/explorers.py confusion",
        "date": datetime.date.today().isoformat(),
        "machine": describe_environment(torch.device("cpu")),
        "variant": "baseline",
        "data": data.name,
        **TRAINING,
        "epochs": EPOCHS,
        "seed": 0,
        "classes": data.classes,
        "labels": evaluation.labels.tolist(),
        "predicted": evaluation.predicted.tolist(),
        "confidence": thousandths(evaluation.probabilities[rows, evaluation.predicted]),
        "of_label": thousandths(evaluation.probabilities[rows, evaluation.labels]),
        "accuracy": evaluation.accuracy,
        "columns": COLUMNS,
        "sprite": f"data:image/jpeg;base64,{in_base64(sprite(data.test.images))}",
    }
    write_data("confusion", "EXPLORER_CONFUSION", contents)


def sprite(images: torch.Tensor) -> bytes:
    """Lay pictures in rows as one JPEG: 32 pixels are two of its blocks, so none bleeds over."""
    lines = images.view(-1, COLUMNS, 3, 32, 32).permute(0, 3, 1, 4, 2)
    sheet = lines.reshape(-1, COLUMNS * 32, 3).numpy()
    written = io.BytesIO()
    Image.fromarray(sheet).save(written, "JPEG", quality=QUALITY)
    return written.getvalue()


def thousandths(shares: Any) -> list[float]:
    return [round(float(share), 3) for share in shares]


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def write_data(name: str, variable: str, contents: dict[str, Any]) -> None:
    """Write a script that sets one global: a page from the disk cannot fetch."""
    text = json.dumps(contents, separators=(",", ":"))
    path = EXPLORERS / "data" / f"{name}.js"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"globalThis.{variable} = {text};\n", encoding="utf-8")


PAGES = {"augmentations": augmentations, "confusion": confusion}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", default=[*PAGES], help=", ".join(PAGES))
    for page in parser.parse_args().pages:
        PAGES[page]()


if __name__ == "__main__":
    main()
