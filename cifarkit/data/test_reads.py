"""Notice which code outside cifarkit reads test pictures while a network trains.

Any code that runs during training can be the one: a callback, a loss, an augmentation, a layer. So
the pictures are watched, and not the hooks. A copy that code made before training is not noticed.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from cifarkit.data.hashes import hashes_of
from cifarkit.warn import warn

__all__ = ["TestReads", "notice"]

# Code in these folders reads for somebody, or to train.
OTHERS = (
    *(f"{folder}{os.sep}" for folder in (Path(__file__).parents[1], Path(torch.__file__).parent)),
    sysconfig.get_path("stdlib"),
    "<frozen",
)
COMPARED = 10  # pictures of a set; if test has them all, the set is of test

_watching: list[TestReads] = []


class TestReads:
    """Collect in a block who reads test pictures; blocks inside it of one set share their names.

    Args:
        test: the test set, an `ImageSet`.

    Attributes:
        names: the functions that read them, such as `"Spy.on_epoch_end"`, each once.
    """

    def __init__(self, test: Any) -> None:
        self.test = test
        around = [block for block in _watching if block.test is test]
        self.names: list[str] = around[-1].names if around else []

    def __enter__(self) -> list[str]:
        self._outside: FrameType | None = sys._getframe(1)
        _watching.append(self)
        return self.names

    def __exit__(self, *_: object) -> None:
        _watching.remove(self)
        self._outside = None  # a frame holds all that its function holds

    def reader(self) -> str | None:
        """Name the innermost function in the block that is not cifarkit's, torch's or Python's."""
        frame: FrameType | None = sys._getframe(3)
        while frame is not None and frame is not self._outside:
            if not _is_others(frame):
                return frame.f_code.co_qualname
            frame = frame.f_back
        return None

    def note(self, name: str, images: Tensor) -> None:
        """Note who reads the images of a set, if it is of test."""
        if name in self.names or not self._is_of_test(images):
            return
        self.names.append(name)
        warn(
            f"{name} reads test pictures while a network trains, so the run is flagged. Choose by "
            "data.val; to record test each epoch, write track_test=True"
        )

    @cached_property
    def _pictures(self) -> set[int]:
        images: Tensor = object.__getattribute__(self.test, "images")  # this read is ours
        return set(hashes_of(images))

    def _is_of_test(self, images: Tensor) -> bool:
        return len(images) > 0 and self._pictures.issuperset(hashes_of(images[:COMPARED]))


def _is_others(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    is_written = file == "<string>"  # by Python, such as the __init__ of a dataclass
    written_for_us = is_written and frame.f_globals.get("__name__", "").startswith("cifarkit.")
    return written_for_us or file.startswith(OTHERS)


def notice(images: Tensor) -> None:
    """Note who reads the images of a set while a network trains, if they are of test."""
    name = _watching[-1].reader() if _watching else None
    if name is not None:
        for block in tuple(_watching):
            block.note(name, images)
