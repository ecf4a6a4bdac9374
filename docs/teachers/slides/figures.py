"""The figures and numbers of the slides, each drawn from what it shows."""

from __future__ import annotations

import inspect
import itertools
import json
import math
import statistics
import textwrap
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from svg import axis, bar, dot, figure, line, path, picture, text

import cifarkit as ck
from cifarkit.comparison.statistics import sign_flip_test
from cifarkit.evaluation.intervals import wilson_interval
from cifarkit.training.loop import Loop

__all__ = ["FIGURES"]

HERE = Path(__file__).parent
MEASURED = json.loads((HERE / "measured.json").read_text(encoding="utf-8"))
STUDY = json.loads(
    (HERE.parents[1] / "records" / "assignment" / "comparison.json").read_text(encoding="utf-8")
)
DATA = ck.load_synthetic(n_train=200, n_test=50, val_size=50)
PATCH = torch.tensor([[0, 0, 9, 9, 9]] * 5)  # dark on the left, light on the right
KERNEL = torch.tensor([[-1, 0, 1]] * 3)  # answers to an edge


def pictures() -> str:
    """One drawn picture of each class, with its name."""
    parts = []
    for label, name in enumerate(DATA.classes):
        x, y = 96 * (label % 5) + 8, 110 * (label // 5)
        parts += [picture(x, y, 80, _picture_of(label)), text(x + 40, y + 98, name, "middle")]
    return figure(220, "One drawn picture of each of the ten classes", *parts)


def numbers() -> str:
    """A picture, and the bytes of a corner of one of its channels."""
    pixels = _picture_of(1)
    corner = pixels[0, 12:18, 12:18]
    parts = [picture(0, 20, 180, pixels)]
    for row, column in itertools.product(range(6), repeat=2):
        byte, x, y = int(corner[row, column]), 216 + 44 * column, 8 + 34 * row
        parts += [bar(x, y, 42, 32, "c1", 0.1 + 0.5 * byte / 255)]
        parts += [text(x + 21, y + 21, byte, "middle")]
    parts += [line(102, 88, 216, 8, "rule dashed"), line(102, 122, 216, 210, "rule dashed")]
    return figure(216, "A picture, and the red bytes of 6 by 6 of its pixels", *parts)


def convolution() -> str:
    """One window of a convolution, with its products, and all of the output."""
    output = F.conv2d(PATCH[None, None].float(), KERNEL[None, None].float())[0, 0].int()
    window = PATCH[:3, :3]
    parts = [
        *_grid(0, PATCH, "input"),
        *_grid(210, KERNEL, "kernel"),
        *_grid(354, output, "output"),
    ]
    parts += [text(193, 110, "✳", "middle"), text(335, 110, "=", "middle")]
    parts += [bar(0, 34, 102, 102, "window"), bar(354, 34, 34, 34, "window")]
    products = " + ".join(f"{a}·({b})" for a, b in zip(window[0], KERNEL[0], strict=True))
    total = int((window * KERNEL).sum())
    parts.append(text(0, 240, f"first window: 3 rows of {products} = {total}"))
    return figure(250, f"A 3 by 3 kernel on a 5 by 5 input; the first output is {total}", *parts)


def feature_map() -> str:
    """A picture, and the answer of a kernel to its edges."""
    pixels = _picture_of(1)
    grey = torch.from_numpy(pixels).float().mean(dim=0)
    edges = F.conv2d(grey[None, None], KERNEL[None, None].float(), padding=1)[0, 0].abs()
    shown = (255 * edges / edges.max()).byte().numpy()
    parts = [picture(20, 0, 180, pixels), picture(280, 0, 180, np.stack([shown] * 3))]
    parts += [text(110, 204, "picture", "middle"), text(370, 204, "feature map", "middle")]
    parts += [text(240, 95, "→", "middle large")]
    return figure(212, "A picture, and the map of its vertical edges", *parts)


def softmax() -> str:
    """Ten logits, made up, as probabilities; the loss is that of the right one."""
    logits = torch.tensor([0.2, -1.0, 1.5, 3.0, 0.0, 2.2, 0.4, -0.5, -1.2, 0.1])
    names = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    parts = []
    for row, (name, p) in enumerate(zip(names, logits.softmax(0).tolist(), strict=True)):
        y = 22 * row
        parts += [
            text(62, y + 16, name, "end"),
            bar(70, y + 3, 320 * p, 16, "c2" if row == 5 else "c1"),
        ]
        parts.append(text(76 + 320 * p, y + 16, f"{p:.2f}" + (" ← right" if row == 5 else "")))
    loss = F.cross_entropy(logits[None], torch.tensor([5]))
    parts.append(text(470, 200, f"loss = -ln p(dog) = {loss:.2f}", "end"))
    return figure(
        222, f"Probabilities of ten classes; the right one, dog, gives a loss of {loss:.2f}", *parts
    )


def descent() -> str:
    """Steps down a parabola with three learning rates."""
    parts = []
    for panel, (rate, name) in enumerate([(0.05, "too small"), (0.3, "good"), (1.02, "too large")]):
        left = 160 * panel + 8

        def at(weight: float, left: int = left) -> tuple[float, float]:
            return left + 72 + 56 * weight, 150 - 90 * weight**2

        weights = [-0.9]
        while len(weights) < 7:
            weights.append(weights[-1] - rate * 2 * weights[-1])
        bowl = [at(x / 20) for x in range(-25, 26)]
        parts += [path(bowl, "faint"), path([at(w) for w in weights], f"c{panel + 1}")]
        parts += [dot(*at(w), f"c{panel + 1}") for w in weights]
        parts.append(text(left + 72, 190, f"{name}: {rate}", "middle"))
    return figure(200, "Six steps of gradient descent on w², with three learning rates", *parts)


def curves(name: str) -> str:
    """Train and val loss of a measured training."""
    history = MEASURED["runs"][name]["history"]
    losses = {part: [row[f"{part}_loss"] for row in history] for part in ("train", "val")}
    low, high = 0.9, 2.1

    def at(epoch: int, loss: float) -> tuple[float, float]:
        return 50 + 350 * (epoch - 1) / (len(history) - 1), 210 - 195 * (loss - low) / (high - low)

    parts = axis({at(1, v)[1]: f"{v:.1f}" for v in (1.0, 1.5, 2.0)}, 46, (8, 214), vertical=True)
    parts += axis({at(n, 1)[0]: n for n in (1, 5, len(history))}, 214, (46, 404))
    for look, (part, values) in zip(("c1", "c2"), losses.items(), strict=True):
        points = [at(epoch, loss) for epoch, loss in enumerate(values, start=1)]
        parts += [path(points, look), text(points[-1][0] + 8, points[-1][1] + 5, part)]
    parts += [text(225, 250, "epoch", "middle"), text(54, 18, "loss")]
    return figure(256, f"Loss on train and on val of {name}, by epoch", *parts)


def splits() -> str:
    """How CIFAR-10 is cut into three sets."""
    sizes = {"train": 45_000, "val": 5_000, "test": 10_000}
    uses = {"train": "to learn from", "val": "to choose by", "test": "to report on"}
    parts, x = [], 0.0
    for look, size in zip(("c1", "c2", "c3"), sizes.values(), strict=True):
        width = 480 * size / 60_000
        parts += [bar(x, 40, width - 3, 60, look)]
        x += width
    for row, (name, size) in enumerate(sizes.items()):
        y = 136 + 26 * row
        parts += [bar(0, y - 13, 16, 16, f"c{row + 1}")]
        parts.append(text(26, y, f"{name}: {size:,} pictures {uses[name]}"))
    return figure(200, "45,000 pictures of train, 5,000 of val, 10,000 of test", *parts)


def best_of() -> str:
    """How much the best of k equal networks seems to be better, chosen by test."""
    draws = np.random.default_rng(0).binomial(1_000, 0.73, size=(4_000, 20)) / 10
    tries = [1, 2, 5, 10, 20]
    gains = [float(draws[:, :k].max(axis=1).mean() - 73) for k in tries]
    parts = axis({}, 190, (20, 460))
    for column, (k, gain) in enumerate(zip(tries, gains, strict=True)):
        x, height = 44 + 88 * column, 48 * max(gain, 0)
        parts += [bar(x, 190 - height, 50, height, "c2")]
        parts.append(text(x + 25, 182 - height, f"+{abs(gain):.1f}", "middle"))
        parts.append(text(x + 25, 212, k, "middle"))
    parts.append(text(240, 238, "networks tried, all equally good", "middle"))
    return figure(246, "Points that the best of k equal networks seems to gain", *parts)


def intervals() -> str:
    """The Wilson interval of 73 %, for four sizes of test."""
    parts = axis({40 + 8 * (p - 60): f"{p} %" for p in (60, 70, 80, 90)}, 190, (30, 400))
    for row, n in enumerate((100, 500, 1_000, 10_000)):
        low, high = wilson_interval(round(0.73 * n), n)
        y, (x1, x2) = 30 + 42 * row, (40 + 8 * (100 * end - 60) for end in (low, high))
        parts += [line(x1, y, x2, y, "interval c1"), dot(40 + 8 * 13, y, "c1")]
        parts.append(text(472, y + 5, f"n = {n:,}", "end"))
    return figure(216, "95 % intervals of 73 % on 100, 500, 1,000 and 10,000 pictures", *parts)


def seeds() -> str:
    """Every run of the study: a dot a seed."""
    names = [row["name"] for row in STUDY["variants"]]
    scores = {name: list(_scores(name).values()) for name in names}
    low = math.floor(100 * min(map(min, scores.values())))
    high = math.ceil(100 * max(map(max, scores.values())))

    def at(score: float) -> float:
        return 100 + 350 * (100 * score - low) / (high - low)

    parts = axis({at(p / 100): f"{p} %" for p in range(low, high + 1)}, 196, (96, 460))
    for row, (name, values) in enumerate(scores.items()):
        y = 26 + 46 * row
        parts += [text(88, y + 5, name, "end"), *(dot(at(v), y, "c1 clear") for v in values)]
        mean = at(statistics.fmean(values))
        parts.append(line(mean, y - 14, mean, y + 14, "mean"))
    return figure(222, "Test accuracy of each variant: a dot a seed, a line the mean", *parts)


def differences() -> str:
    """What `deeper` gained over `baseline` with each seed."""
    gains = _gains()
    top, step = max(map(abs, gains.values())), 440 / len(gains)
    zero = 180 if min(gains.values()) > 0 else 110  # all space for what is above, or half of it
    parts = axis({}, zero, (20, 460))
    for column, (seed, gain) in enumerate(gains.items()):
        x, height = 30 + step * column, (zero - 24) * abs(gain) / top
        top_of_bar, look = (zero - height, "c1") if gain > 0 else (zero, "c2")
        parts += [bar(x, top_of_bar, step - 20, height, look)]
        above = top_of_bar - 6 if gain > 0 else zero - 6
        parts.append(text(x + step / 2 - 10, above, f"{gain:+.1f}", "middle"))
        parts.append(text(x + step / 2 - 10, 216, f"seed {seed}", "middle"))
    return figure(226, "Points that deeper is ahead of baseline, by seed", *parts)


def flips() -> str:
    """The mean difference under every choice of signs, and the one that was seen."""
    gains = np.array(list(_gains().values()))
    signs = np.array(list(itertools.product((-1, 1), repeat=min(len(gains), 12))))
    means = signs @ gains[: signs.shape[1]] / signs.shape[1]
    seen = float(gains[: signs.shape[1]].mean())
    counts, edges = np.histogram(means, bins=15, range=(-abs(seen) * 1.25, abs(seen) * 1.25))
    extreme = np.abs((edges[1:] + edges[:-1]) / 2) >= abs(seen) - (edges[1] - edges[0]) / 2
    parts = axis({}, 170, (20, 460))
    for column, (count, far) in enumerate(zip(counts, extreme, strict=True)):
        height = 140 * count / counts.max()
        parts.append(bar(24 + 29 * column, 170 - height, 25, height, "c2" if far else "c1"))
    p = sign_flip_test(gains.tolist()).p
    parts.append(
        text(240, 196, f"mean difference under all {len(signs)} choices of signs", "middle")
    )
    parts.append(text(240, 220, f"seen: {seen:+.2f} points, p = {_p(p)}", "middle"))
    return figure(230, f"Histogram of sign flips; p is {p:.3f}", *parts)


def smallest_p() -> str:
    """The smallest p of a sign-flip test, by the number of seeds, as a table."""
    seeds = (3, 5, 6, 8, 10)
    rows = [f"<tr><th>seeds</th>{''.join(f'<td>{n}</td>' for n in seeds)}</tr>"]
    for pairs in (1, 6):
        cells = "".join(f"<td>{_p(min(1, pairs * 2 / 2**n))}</td>" for n in seeds)
        rows.append(f"<tr><th>{pairs} pair{'s' * (pairs > 1)}</th>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def verdicts() -> str:
    """What may be said of each change against the baseline, as the study says it."""
    said = [pair["text"] for pair in STUDY["pairs"] if pair["b"] == "baseline"]
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in said)}</ul>"


def confusion() -> str:
    """The confusion matrix of a measured run, in per cent of each row."""
    measured = MEASURED["confusion"]
    counts = np.array(measured["counts"])
    shares = 100 * counts / counts.sum(axis=1, keepdims=True)
    parts = []
    for row, name in enumerate(measured["classes"]):
        parts.append(text(92, 46 + 28 * row, name, "end"))
        for column in range(len(shares)):
            share, look = shares[row, column], "c1" if row == column else "c2"
            x, y = 98 + 38 * column, 27 + 28 * row
            parts += [bar(x, y, 36, 26, look, 0.08 + 0.6 * share / shares.max())]
            parts.append(text(x + 18, y + 18, f"{share:.0f}", "middle"))
    parts += [
        text(98 + 38 * c + 18, 18, n[:4], "middle") for c, n in enumerate(measured["classes"])
    ]
    shows = f"Confusion matrix of {measured['run']}: rows are the right class, columns the answer"
    return figure(310, shows, *parts)


def augmented() -> str:
    """One picture as five augmentations show it."""
    image = torch.from_numpy(_picture_of(3))[None]
    shown = {
        "as it is": None, "Flip": ck.Flip(probability=1.0), "Crop": ck.Crop(padding=4),
        "Rotation": ck.Rotation(), "Cutout": ck.Cutout(), "ColorJitter": ck.ColorJitter(),
    }  # fmt: skip
    parts = []
    for index, (name, augmentation) in enumerate(shown.items()):
        x, y = 160 * (index % 3) + 30, 130 * (index // 3)
        seen = image if augmentation is None else augmentation(image, ck.generator_for("slide", 2))
        parts += [picture(x, y, 100, seen[0].numpy()), text(x + 50, y + 118, name, "middle")]
    return figure(256, "One picture, and the same under five augmentations", *parts)


def batch_norm() -> str:
    """Three channels of unlike mean and spread, before batch norm and after it."""
    channels = [(-1.6, 0.4), (0.3, 0.9), (2.0, 0.6)]
    parts = []
    for left, after, name in ((0, False, "before"), (250, True, "after")):
        for number, (mean, sd) in enumerate(channels, start=1):
            m, s = (0.0, 1.0) if after else (mean, sd)
            xs = [x / 10 for x in range(-35, 36)]
            heights = [math.exp(-(((x - m) / s) ** 2) / 2) / s for x in xs]
            shift = 3 * (number - 2) * after  # so that lines on each other are seen
            points = [
                (left + 115 + 32 * x, 160 - 55 * h + shift)
                for x, h in zip(xs, heights, strict=True)
            ]
            parts.append(path(points, f"c{number}"))
        parts += [line(left + 5, 164, left + 225, 164), text(left + 115, 190, name, "middle")]
    return figure(200, "Three channels: of different mean and spread before, alike after", *parts)


def field() -> str:
    """What one number after the last pooling has seen of the picture."""
    stacks = {
        "baseline": [(3, 1), (2, 2), (3, 1), (2, 2)],
        "deeper": [(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2)],
    }
    parts, pixels = [], _picture_of(2)
    for index, (name, layers) in enumerate(stacks.items()):
        size, step = 1, 1
        for window, stride in layers:
            size, step = size + (window - 1) * step, step * stride
        x, side = 40 + 230 * index, 180 * size / 32
        parts += [picture(x, 0, 180, pixels)]
        parts += [bar(x + 90 - side / 2, 90 - side / 2, side, side, "window")]
        parts.append(text(x + 90, 202, f"{name}: {size} of 32 pixels", "middle"))
    return figure(210, "The receptive fields of baseline and deeper", *parts)


def layers() -> str:
    """The layers of the baseline, as a table."""
    rows = [
        f"<tr><td>{layer.kind}</td><td>batch {' '.join(map(str, layer.output))}</td>"
        f"<td class='number'>{f'{layer.parameters:,}' if layer.parameters else ''}</td></tr>"
        for layer in ck.summary("baseline").layers
    ]
    head = "<tr><th>layer</th><th>output</th><th>parameters</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def code(function: Callable[..., Any]) -> str:
    """The source of a function."""
    source = textwrap.dedent(inspect.getsource(function)).rstrip()
    return f'<pre class="no-copy"><code>{escape(source, quote=False)}</code></pre>'


def origin() -> str:
    """Where the recorded study comes from."""
    seeds_of_each, epochs = len(_scores("baseline")), STUDY["recipes"]["baseline"]["epochs"]
    versions = STUDY["runs"][0]["environment"]["versions"]
    return (
        f"{STUDY['data']['name']}, n = {STUDY['data']['test']:,} test pictures, "
        f"{seeds_of_each} seeds, {epochs} epochs, torch {versions['torch']}"
    )


def measured(name: str) -> str:
    """Where a measured run comes from."""
    return MEASURED["runs"][name]["origin"]


def _picture_of(label: int) -> np.ndarray:
    index = int((DATA.train.labels == label).nonzero()[0])
    return DATA.train.images[index].numpy()


def _grid(left: int, values: torch.Tensor, name: str) -> list[str]:
    parts = [text(left, 22, name)]
    for row, column in itertools.product(range(len(values)), repeat=2):
        x, y = left + 34 * column, 34 + 34 * row
        parts += [bar(x, y, 33, 33, "cell")]
        parts.append(text(x + 17, y + 22, int(values[row, column]), "middle"))
    return parts


def _p(p: float) -> str:
    return "1" if p == 1 else f"{p:.3f}".removeprefix("0")


def _scores(name: str) -> dict[int, float]:
    return {r["seed"]: r["test_accuracy"] for r in STUDY["runs"] if r["variant"] == name}


def _gains() -> dict[int, float]:
    """Return by how many points `deeper` is ahead of `baseline`, by seed."""
    ours, theirs = _scores("deeper"), _scores("baseline")
    return {seed: 100 * (ours[seed] - theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())}


FIGURES: dict[str, Callable[[], str]] = {
    **{
        draw.__name__: draw
        for draw in (
            *(pictures, numbers, convolution, feature_map, softmax, descent, splits, best_of),
            *(intervals, seeds, differences, flips, smallest_p, verdicts, confusion, augmented),
            *(batch_norm, field, layers, origin),
        )
    },
    "step": lambda: code(Loop.step),
    "train_epoch": lambda: code(Loop.train_epoch),
    "overfitting": lambda: curves("mlp"),
    "overfitting-origin": lambda: measured("mlp"),
    "underfitting": lambda: curves("linear"),
    "underfitting-origin": lambda: measured("linear"),
    "confusion-origin": lambda: measured(MEASURED["confusion"]["run"]),
}
