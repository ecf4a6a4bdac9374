"""Draw the first picture: `python docs/front.py RUN PHOTO` writes docs/assets/front.svg.

What the network of a run makes of a photograph: its pixels, the maps of two layers, where the
answer comes from (Grad-CAM), and the probability of each class. All of it is computed.
"""

from __future__ import annotations

import argparse
import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.evaluation.predictions import as_images
from cifarkit.tables import percent

SVG = Path(__file__).parent / "assets" / "front.svg"
INK, PAPER, GREY, AMBER = "#123c43", "#ffffff", "#b9cdd0", "#f89c20"
WIDTH, SIDE, GAP, TOP = 640, 192, 16, 16  # of the whole, of a square, between them, above them
LETTER = 18  # at least 9 pixels on a phone of 360
MAPS = 4  # in a row, and in a column
TOP_CLASSES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("photo", type=Path, help="a picture file")
    given = parser.parse_args()
    SVG.write_text(front(ck.load_run(given.run), given.photo), encoding="utf-8")


def front(run: ck.Run, photo: Path) -> str:
    """Return the picture as SVG."""
    predictions = ck.predict(run, photo)
    pixels = as_images(photo, None)[0].permute(1, 2, 0).numpy()
    heat = ck.grad_cam(run, photo)[0].numpy()
    first, *_, last = [
        name for name, part in run.model.named_modules() if isinstance(part, nn.Conv2d)
    ]
    squares = [
        ("32 by 32 pixels", pixels),
        ("first layer", _mosaic(ck.activations(run, photo, first)[0])),
        ("last convolution", _mosaic(ck.activations(run, photo, last)[0])),
        ("where it looks", _warmed(pixels, heat)),
    ]
    places = [(GAP + (SIDE + GAP) * (number % 3), _row(number // 3)) for number in range(4)]
    parts = [
        _square(name, picture, x, y)
        for (name, picture), (x, y) in zip(squares, places, strict=True)
    ]
    probabilities = predictions.probabilities[0].tolist()
    bars = _bars(run.classes, probabilities, GAP + SIDE + GAP, _row(1))
    height = _row(2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="system-ui, sans-serif" font-size="{LETTER}" fill="{PAPER}">\n'
        f'<rect width="{WIDTH}" height="{height}" rx="12" fill="{INK}"/>\n'
        f"{''.join(parts)}{bars}</svg>\n"
    )


def _row(number: int) -> int:
    return TOP + (SIDE + LETTER + GAP + 8) * number


def _square(name: str, picture: np.ndarray, x: int, y: int) -> str:
    png = io.BytesIO()
    Image.fromarray(picture).save(png, format="png", optimize=True)
    data = base64.b64encode(png.getvalue()).decode()
    return (
        f'<image x="{x}" y="{y}" width="{SIDE}" height="{SIDE}" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{data}"/>\n'
        f'<text x="{x}" y="{y + SIDE + LETTER + 2}" fill="{GREY}">{escape(name)}</text>\n'
    )


def _mosaic(maps: Tensor) -> np.ndarray:
    """Tile the maps that vary most, each on its own scale, with a line of ink between them."""
    numbers = maps.numpy()
    chosen = numbers[np.argsort(-numbers.std(axis=(1, 2)), kind="stable")[: MAPS**2]]
    side = chosen.shape[1]
    tiled = np.empty((MAPS * (side + 1) - 1,) * 2 + (3,), np.uint8)
    tiled[:] = [int(INK[i : i + 2], 16) for i in (1, 3, 5)]
    for number, values in enumerate(chosen):
        row, column = divmod(number, MAPS)
        scaled = (values - values.min()) / (np.ptp(values) or 1)
        colours = mpl.colormaps["inferno"](scaled, bytes=True)[..., :3]
        y, x = row * (side + 1), column * (side + 1)
        tiled[y : y + side, x : x + side] = colours
    return tiled


def _warmed(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    colours = mpl.colormaps["inferno"](heat)[..., :3]
    grey = pixels.mean(axis=2, keepdims=True) / 255
    return np.round(255 * (0.45 * grey + 0.55 * colours)).astype(np.uint8)


def _bars(classes: Sequence[str], probabilities: Sequence[float], x: int, y: int) -> str:
    order = np.argsort(-np.asarray(probabilities), kind="stable")[:TOP_CLASSES]
    step, names = (SIDE + LETTER) / TOP_CLASSES, 110
    room = WIDTH - GAP - x - names - 70
    parts = []
    for number, label in enumerate(order):
        middle = y + step * (number + 0.5)
        colour = AMBER if number == 0 else GREY
        width = max(2.0, room * probabilities[label])
        parts.append(
            f'<text x="{x}" y="{middle + 6:.0f}">{escape(classes[label])}</text>'
            f'<rect x="{x + names}" y="{middle - 11:.0f}" width="{width:.0f}" height="22" '
            f'rx="3" fill="{colour}"/>'
            f'<text x="{x + names + width + 8:.0f}" y="{middle + 6:.0f}">'
            f"{percent(probabilities[label])}</text>\n"
        )
    return "".join(parts)


if __name__ == "__main__":
    main()
