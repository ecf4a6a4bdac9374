"""Ten classes of drawn pictures, used in place of CIFAR-10 where there is no connection.

Each picture shows one large shape. Its colour, position, size, slant and surroundings do
not depend on the label, so only the outline shows the class. A shape is a signed distance
function (Quilez, https://iquilezles.org/articles/distfunctions2d/): negative inside, positive
outside. Random properties are `n c 1 1` and fields `n c 32 32`, so they broadcast against each
other and a whole chunk of pictures is drawn at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate, pad

__all__ = ["SYNTHETIC_CLASSES", "draw_pictures"]

SIDE = 32  # pixels
CHUNK = 256  # pictures drawn at once: small enough for fields to stay in the cache


# The outlines. Each takes coordinates `n 1 32 32`, y pointing down, in which the shape is centred
# and about as large as the unit disc, and returns the distance to its edge, `n 1 32 32`.


def disc(x: Tensor, y: Tensor) -> Tensor:
    """Fill a circle."""
    return torch.hypot(x, y) - 0.88


def ring(x: Tensor, y: Tensor) -> Tensor:
    """Draw a thick circle: the distance to an edge is itself a distance."""
    return disc(x, y).add(0.16).abs() - 0.2


def crescent(x: Tensor, y: Tensor) -> Tensor:
    """Bite a disc out of a disc: the larger distance is the intersection."""
    bite = torch.hypot(x - 0.55, y) - 0.75
    return torch.maximum(torch.hypot(x, y) - 1, -bite)


def heart(x: Tensor, y: Tensor) -> Tensor:
    """Join a square on its tip and two discs: the smaller distance is the union."""
    x, half_side = x.abs(), 0.58
    middle = half_side * math.sqrt(0.5)  # of the square's upper edges, across and up
    tip = (x + y.abs()) * math.sqrt(0.5) - half_side
    lobe = torch.hypot(x - middle, y + middle) - half_side
    return torch.minimum(tip, lobe)


def cross(x: Tensor, y: Tensor) -> Tensor:
    """Join a lying and a standing bar."""
    x, y = x.abs(), y.abs()
    return torch.minimum(torch.maximum(x - 1, y - 0.32), torch.maximum(x - 0.32, y - 1))


def star(x: Tensor, y: Tensor, *, points: int, notch: float) -> Tensor:
    """Fill a star with tips at radius 1 and notches at radius `notch`.

    All edges are folded onto one by symmetry; what is left is the distance to a line.
    """
    sector = 2 * math.pi / points
    angle = torch.atan2(x, -y)
    angle = (angle - sector * (angle / sector).round()).abs()  # from the nearest tip
    rise, run = notch * math.sin(sector / 2), 1 - notch * math.cos(sector / 2)
    radius = torch.hypot(x, y)
    return ((radius * angle.cos() - 1) * rise + radius * angle.sin() * run) / math.hypot(rise, run)


def polygon(x: Tensor, y: Tensor, *, corners: int) -> Tensor:
    """Fill a regular polygon: a star whose notches lie on the straight line between its tips."""
    return star(x, y, points=corners, notch=math.cos(math.pi / corners))


def square(x: Tensor, y: Tensor) -> Tensor:
    """Fill a square that stands on a side."""
    return torch.maximum(x.abs(), y.abs()) - 0.78


def frame(x: Tensor, y: Tensor) -> Tensor:
    """Draw a thick square."""
    return square(x, y).add(0.12).abs() - 0.2


SHAPES: tuple[tuple[str, Callable[[Tensor, Tensor], Tensor]], ...] = (
    ("disc", disc),
    ("ring", ring),
    ("crescent", crescent),
    ("heart", heart),
    ("cross", cross),
    ("star", partial(star, points=5, notch=0.45)),
    ("triangle", partial(polygon, corners=3)),
    ("square", square),
    ("pentagon", partial(polygon, corners=5)),
    ("frame", frame),
)
SYNTHETIC_CLASSES: tuple[str, ...] = tuple(name for name, _ in SHAPES)


def draw_pictures(labels: Tensor, generator: Generator) -> Tensor:
    """Draw one picture for each label.

    Pictures are drawn in chunks of one fixed size, and the last chunk is cut. So the first pictures
    of a seed are the same, however many follow.

    Args:
        labels: classes 0 to 9, int64 `n`, in the order of `SYNTHETIC_CLASSES`.
        generator: the only source of randomness, on the CPU.

    Returns:
        Pictures, uint8 `n 3 32 32`.

    >>> pictures = draw_pictures(torch.arange(10), torch.Generator().manual_seed(0))
    >>> pictures.shape, pictures.dtype
    (torch.Size([10, 3, 32, 32]), torch.uint8)
    """
    pictures = torch.empty(len(labels), 3, SIDE, SIDE, dtype=torch.uint8)
    for start in range(0, len(labels), CHUNK):
        chunk = labels[start : start + CHUNK]
        drawn = draw_chunk(pad(chunk, (0, CHUNK - len(chunk))), generator)
        pictures[start : start + CHUNK] = drawn[: len(chunk)]
    return pictures


def draw_chunk(labels: Tensor, generator: Generator) -> Tensor:
    """Paint backdrop, distractor, shape, occluders and noise in turn, as uint8 `n 3 32 32`."""
    backdrop = uniform(0, 0.5, generator, channels=3)
    picture = paint(backdrop, generator)
    picture = cover(picture, uniform(0, 0.7, generator, channels=3), stroke(generator))
    # Lighter than the backdrop in every channel, so that no mix of colours hides the shape.
    colour = backdrop + uniform(0.25, 0.6, generator, channels=3)
    picture = cover(picture, paint(colour, generator), posed_shape(labels, generator))
    for _ in range(2):
        picture = cover(picture, uniform(0, 0.7, generator, channels=3), stroke(generator))
    noise = torch.rand(picture.shape, generator=generator) - 0.5
    picture = picture + noise * uniform(0, 0.2, generator)
    # As under another light.
    contrast, brightness = uniform(0.8, 1.2, generator), uniform(-0.1, 0.1, generator)
    picture = (picture - 0.5) * contrast + 0.5 + brightness
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8)


def posed_shape(labels: Tensor, generator: Generator) -> Tensor:
    """Measure each picture's distance to the edge of its shape, in pixels, `n 1 32 32`."""
    size = uniform(6.5, 10, generator)
    stretch = uniform(0.85, 1.18, generator)
    facing = torch.randint(2, (CHUNK, 1, 1, 1), generator=generator) * 2 - 1  # left or right
    x, y = pose(uniform(-5, 5, generator, channels=2), uniform(-0.35, 0.35, generator))
    x, y = wobble(x, generator), wobble(y, generator)
    x, y = x / (size * stretch) * facing, y / (size / stretch)
    distance = torch.empty_like(x)
    for label in set(labels.tolist()):
        _, outline = SHAPES[label]
        chosen = labels == label
        distance[chosen] = outline(x[chosen], y[chosen])
    return distance * size


def stroke(generator: Generator) -> Tensor:
    """Measure the distance to a random bar with round ends, in pixels, `n 1 32 32`."""
    x, y = pose(uniform(-14, 14, generator, channels=2), uniform(0, math.pi, generator))
    beyond_the_end = (x.abs() - uniform(0, 10, generator)).clamp(min=0)
    return torch.hypot(beyond_the_end, y) - uniform(1, 3, generator)


def pose(centre: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Lay coordinates `n 1 32 32` over the picture: pixels from `centre`, turned by `angle`."""
    pixels = torch.arange(SIDE) - (SIDE - 1) / 2
    right, down = pixels - centre[:, :1], pixels[:, None] - centre[:, 1:]
    return angle.cos() * right + angle.sin() * down, angle.cos() * down - angle.sin() * right


def wobble(coordinate: Tensor, generator: Generator) -> Tensor:
    """Shake a coordinate smoothly by up to a pixel and a half, as an unsteady hand would."""
    return coordinate + 3 * (blotches(generator) - 0.5)


def cover(picture: Tensor, colour: Tensor, distance: Tensor) -> Tensor:
    """Paint over a picture wherever `distance` is negative; one pixel of edge is blended."""
    return torch.lerp(picture, colour, (0.5 - distance).clamp(0, 1))


def paint(colour: Tensor, generator: Generator) -> Tensor:
    """Fill `n 3 32 32` with a colour, flat or varied in one of three ways."""
    along, _ = pose(uniform(-9, 9, generator, channels=2), uniform(0, 2 * math.pi, generator))
    stripes = (along * uniform(0.5, 1.5, generator)).sin() / 2 + 0.5
    gradient = (along / SIDE + 0.5).clamp(0, 1)
    flat = torch.full_like(stripes, 0.5)
    patterns = torch.stack((stripes, gradient, blotches(generator), flat))
    choice = torch.randint(len(patterns), (CHUNK,), generator=generator)
    pattern = patterns[choice, torch.arange(CHUNK)]  # n 1 32 32
    return colour + uniform(-0.25, 0.25, generator, channels=3) * (pattern - 0.5)


def blotches(generator: Generator) -> Tensor:
    """Blur random blobs about six pixels wide into a field in [0, 1], `n 1 32 32`."""
    coarse = torch.rand(CHUNK, 1, 6, 6, generator=generator)
    return interpolate(coarse, size=(SIDE, SIDE), mode="bilinear")


def uniform(low: float, high: float, generator: Generator, channels: int = 1) -> Tensor:
    """Draw a random property for each picture of a chunk, `n channels 1 1` in [low, high)."""
    return torch.rand(CHUNK, channels, 1, 1, generator=generator) * (high - low) + low
