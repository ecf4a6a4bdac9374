"""Write a trained network for the page of the live network, with drawn examples and a picture.

`python tests/benchmarks/live_network.py RUN --data FOLDER --data-name "CIFAR-10 (…)"` takes some
minutes. RUN is the folder of a run; if it is not there, `--train NAME` first trains a variant in
it. The script evaluates the network with its rounded weights on test, and writes
`docs/explorers/live/program.js` and `static.png`. It writes no picture of the data.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.models.residual import resnet
from cifarkit.report.live.program import live_program, rounded_copy
from cifarkit.report.live.section import example, live_data

FOLDER = Path(__file__).parents[2] / "docs" / "explorers" / "live"
FINE = 8  # drawn so many times larger, then averaged down: no jagged edges
SKY, SEA, GRASS, ROAD = "#9cc9e8", "#2d5f8a", "#6f9a4a", "#77777c"
Shape = tuple[str, str, list[float]]  # polygon or ellipse, its colour, its points

DRAWINGS: dict[str, tuple[str, list[Shape]]] = {
    "a drawn ship": (
        SKY,
        [
            ("polygon", SEA, [0, 21, 32, 21, 32, 32, 0, 32]),
            ("polygon", "#30343c", [3, 18, 29, 18, 25, 25, 7, 25]),
            ("polygon", "#b03a2e", [6, 23, 26, 23, 25, 25, 7, 25]),
            ("polygon", "#f2f2ee", [9, 13, 22, 13, 22, 18, 9, 18]),
            ("polygon", "#d9862b", [13, 6, 17, 6, 17, 13, 13, 13]),
        ],
    ),
    "a drawn automobile": (
        "#c9d3da",
        [
            ("polygon", ROAD, [0, 21, 32, 21, 32, 32, 0, 32]),
            ("polygon", "#b71c1c", [2, 16, 8, 15, 12, 9, 22, 9, 26, 15, 30, 17, 30, 23, 2, 23]),
            ("polygon", "#24303c", [10, 15, 13, 10.5, 16.5, 10.5, 16.5, 15]),
            ("polygon", "#24303c", [18, 15, 18, 10.5, 21.5, 10.5, 24, 15]),
            *[("ellipse", "#15171a", [x, 19, x + 7, 26]) for x in (5, 21)],
            *[("ellipse", "#9aa0a6", [x + 2, 21, x + 5, 24]) for x in (5, 21)],
        ],
    ),
    "a drawn airplane": (
        "#a9d2f0",
        [
            ("polygon", "#c4ccd4", [13, 16, 20, 16, 10, 27, 7, 27]),
            ("polygon", "#eef1f4", [2, 15, 6, 13, 26, 13, 30, 15.5, 26, 18, 5, 18]),
            ("polygon", "#b6c0ca", [15, 14, 20, 14, 13, 6, 10, 6]),
            ("polygon", "#31527c", [2, 15, 1, 8, 4, 8, 8, 14]),
        ],
    ),
    "a drawn truck": (
        "#cfd8dc",
        [
            ("polygon", ROAD, [0, 23, 32, 23, 32, 32, 0, 32]),
            ("polygon", "#f3f3ef", [2, 6, 20, 6, 20, 23, 2, 23]),
            ("polygon", "#1f5aa6", [21, 12, 27, 12, 30, 17, 30, 23, 21, 23]),
            ("polygon", "#24303c", [23, 13.5, 26.5, 13.5, 28.5, 17, 23, 17]),
            *[("ellipse", "#15171a", [x, 20, x + 6, 26]) for x in (4, 11, 22)],
        ],
    ),
    "a drawn frog": (
        GRASS,
        [
            ("ellipse", "#3c6b22", [2, 18, 13, 28]),
            ("ellipse", "#3c6b22", [19, 18, 30, 28]),
            ("ellipse", "#58922f", [6, 11, 26, 28]),
            ("ellipse", "#a8c27a", [10, 19, 22, 28]),
            *[("ellipse", "#58922f", [x, 7, x + 7, 14]) for x in (7, 18)],
            *[("ellipse", "#14180f", [x + 2, 9, x + 5, 12]) for x in (7, 18)],
        ],
    ),
    "a drawn horse": (
        "#bfd7e6",
        [
            ("polygon", GRASS, [0, 24, 32, 24, 32, 32, 0, 32]),
            ("ellipse", "#7a4a24", [6, 12, 24, 21]),
            ("polygon", "#7a4a24", [19, 16, 24, 5, 28, 5, 31, 10, 27, 11, 24, 18]),
            ("polygon", "#2c1a0d", [20, 12, 23, 4, 25, 4, 23, 12]),
            *[("polygon", "#6a3f1e", [x, 18, x + 2, 18, x + 2, 29, x, 29]) for x in (8, 12, 20)],
            ("polygon", "#2c1a0d", [7, 13, 3, 16, 4, 23, 6, 17]),
        ],
    ),
}  # fmt: skip


@ck.register_model(
    "resnet8",
    recipe=ck.get_variant("resnet20").recipe,
    summary="resnet20 with one block a stage, and its recipe",
)
def resnet8(*, num_classes: int = 10) -> nn.Module:
    """Build a residual network for a machine that has no hour to train one."""
    return resnet(num_classes=num_classes, blocks=1)


def drawn(ground: str, shapes: list[Shape]) -> Tensor:
    """Draw shapes on a ground, uint8 `3 32 32`."""
    large = Image.new("RGB", (32 * FINE, 32 * FINE), ground)
    pen = ImageDraw.Draw(large)
    for kind, colour, points in shapes:
        getattr(pen, kind)([FINE * number for number in points], fill=colour)
    small = large.resize((32, 32), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


def examples() -> dict[str, Tensor]:
    """Return the drawn pictures, and one of noise, under their names."""
    pictures = {name: drawn(*drawing) for name, drawing in DRAWINGS.items()}
    noise = torch.Generator().manual_seed(0)
    noisy = torch.randint(256, (3, 32, 32), dtype=torch.uint8, generator=noise)
    return pictures | {"pure noise": noisy}


def sentence(run: ck.Run, network: nn.Module, data: ck.Splits, name: str) -> str:
    """Say what the network is, and how well it does with its rounded weights."""
    evaluation = ck.evaluate(network, data.test)
    facts = run.facts.environment
    variant = f"{run.variant.name} ({run.variant.summary})" if run.variant else "an unnamed one"
    versions = facts["versions"]
    return (
        f"The network: {variant}, trained for {len(run.history)} epochs (seed {run.seed}) on the "
        f"{len(data.train):,} train pictures of {name}. Test accuracy of the weights in this page: "
        f"{100 * evaluation.accuracy:.1f} % (n = {len(evaluation):,}, 95 % interval "
        f"{evaluation.accuracy_interval}). Trained on {facts['cpu']}, with cifarkit "
        f"{versions['cifarkit']} and torch {versions['torch']}."
    )


def draw_static(network: nn.Module, classes: tuple[str, ...], name: str, picture: Tensor) -> Any:
    """Draw what the page shows for a picture, for readers without scripts."""
    with torch.no_grad():
        shares = network(ck.to_floats(picture[None]))[0].softmax(0).numpy()
    heat = ck.occlusion(network, picture[None])[0].numpy()
    maps = ck.activations(network, picture[None], "2")[0].numpy()
    figure, axes = plt.subplots(2, 2, figsize=(7, 6), layout="constrained", dpi=110)
    axes[0, 0].imshow(picture.permute(1, 2, 0))
    axes[0, 0].set_title(f"The picture: {name}")
    axes[0, 1].barh(classes, 100 * shares, color="#2f5fb3")
    axes[0, 1].invert_yaxis()
    axes[0, 1].set(xlim=(0, 100), title="Probability in %")
    largest = np.abs(heat).max()
    axes[1, 0].imshow(heat, cmap="RdBu_r", vmin=-largest, vmax=largest)
    axes[1, 0].set_title(f"Drop of {classes[shares.argmax()]} where it is covered")
    rows = [
        np.concatenate(list(np.pad(row, ((0, 0), (1, 1), (1, 1)))), axis=1)
        for row in np.split(maps, 4)
    ]
    largest = np.abs(maps).max()
    axes[1, 1].imshow(np.concatenate(rows), cmap="RdBu_r", vmin=-largest, vmax=largest)
    axes[1, 1].set_title(f"{len(maps)} maps of layer 2")
    for each in (axes[0, 0], axes[1, 0], axes[1, 1]):
        each.axis("off")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("--data", required=True, help="as cifarkit's own --data")
    parser.add_argument("--data-name", required=True, help="what the pictures are")
    parser.add_argument("--train", metavar="NAME", help="the variant to train in RUN")
    parser.add_argument("--epochs", type=int, help="for --train; the recipe's when left out")
    given = parser.parse_args()
    data = ck.load_data(given.data)
    if given.train:
        changes = {"epochs": given.epochs} if given.epochs else {}
        ck.train(given.train, data, run_dir=given.run, resume=True, **changes)
    run = ck.load_run(given.run)
    network, pictures = rounded_copy(run.model), examples()
    about = sentence(run, network, data, given.data_name)
    program = live_program(run.model, run.classes)
    shown = [example(name, picture) for name, picture in pictures.items()]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "program.js").write_text(live_data(program, shown, about), encoding="utf-8")
    name = next(iter(pictures))
    draw_static(network, run.classes, name, pictures[name]).savefig(FOLDER / "static.png")
    print(about)


if __name__ == "__main__":
    main()
