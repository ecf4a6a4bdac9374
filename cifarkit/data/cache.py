"""A data source read once: its pictures kept as one tensor file beside a key.

The second load takes tenths of a second. A cache that cannot be read is made anew, one that
cannot be written is done without; neither is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from cifarkit.data.image_set import ImageSet
from cifarkit.errors import CheckpointError, DataError
from cifarkit.storage.tensor_file import load_tensors, save_tensors

__all__ = ["cached"]

log = logging.getLogger(__name__)


def cached(path: Path, read: Callable[[], tuple[ImageSet, ImageSet]]) -> tuple[ImageSet, ImageSet]:
    """Return train and test from the file at `path`, or else read them and write it.

    Args:
        path: the cache file; its name holds whatever the contents depend on.
        read: how to make the two image sets when the file is not there.
    """
    try:
        return _load(path)
    except FileNotFoundError:
        pass
    except (CheckpointError, DataError, KeyError, TypeError, OSError) as error:
        log.warning("the cache %s cannot be read and is made anew: %s", path, error)
    train, test = read()
    try:
        _save(path, train, test)
    except OSError as error:
        log.warning("the cache %s cannot be written, the next load is slow again: %s", path, error)
    return train, test


def _save(path: Path, train: ImageSet, test: ImageSet) -> None:
    tensors = {
        "train.images": train.images,
        "train.labels": train.labels,
        "test.images": test.images,
        "test.labels": test.labels,
    }
    save_tensors(path, tensors, {"classes": list(train.classes)})


def _load(path: Path) -> tuple[ImageSet, ImageSet]:
    tensors, document = load_tensors(path)
    classes = tuple(document["classes"])
    train, test = (
        ImageSet(tensors[f"{part}.images"], tensors[f"{part}.labels"], classes)
        for part in ("train", "test")
    )
    return train, test
