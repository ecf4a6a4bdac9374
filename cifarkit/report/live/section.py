"""What a page needs to run a network: the scripts, the style, and the data between them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from importlib import resources
from typing import Any, NamedTuple

from torch import Tensor

from cifarkit.data.image_set import ImageSet

__all__ = ["PARTS", "LivePart", "example", "first_of_each_class", "live_data", "live_part"]

PARTS = ("live.css", "network.js", "page.js")  # the last one begins at once


class LivePart(NamedTuple):
    """The texts that a page holds."""

    style: str
    scripts: list[str]


def live_part(
    program: dict[str, Any], examples: Iterable[dict[str, str]], about: str = ""
) -> LivePart:
    """Return the texts that run a program in a page, in an element with `data-live-network`.

    Args:
        program: as `live_program` returns it.
        examples: pictures to choose from, as `example` returns them.
        about: a sentence above the picture.
    """
    style, network, page = (
        resources.files("cifarkit.report.live").joinpath(name).read_text(encoding="utf-8")
        for name in PARTS
    )
    return LivePart(style, [network, live_data(program, examples, about), page])


def live_data(program: dict[str, Any], examples: Iterable[dict[str, str]], about: str = "") -> str:
    """Return the script that holds the data of a page.

    >>> live_data({"classes": ["</script>"]}, []).count("<")
    0
    """
    data = {"program": program, "examples": list(examples), "about": about}
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return f"window.LIVE_NETWORK = {text.replace('<', chr(92) + 'u003c')};\n"


def example(name: str, picture: Tensor) -> dict[str, str]:
    """Return a picture, uint8 `3 32 32`, for a page.

    >>> import torch
    >>> example("black", torch.zeros(3, 32, 32, dtype=torch.uint8))["name"]
    'black'
    """
    return {"name": name, "data": base64.b64encode(picture.cpu().numpy().tobytes()).decode()}


def first_of_each_class(image_set: ImageSet, most: int = 10) -> list[dict[str, str]]:
    """Return the first picture of each class, of the first classes, under the name of its class."""
    labels = image_set.labels.tolist()
    return [
        example(name, image_set.images[labels.index(label)])
        for label, name in enumerate(image_set.classes[:most])
        if label in labels
    ]
