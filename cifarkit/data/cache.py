"""A data source read once: its pictures are cached in one tensor file.

The second load takes tenths of a second. A cache that cannot be read is made again; without a
cache that can be written, each load is slow. Neither is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from cifarkit.data.image_set import ImageSet
from cifarkit.errors import CheckpointError, DataError
from cifarkit.storage.tensor_file import load_tensors, save_tensors

__all__ = ["cached"]

log = logging.getLogger(__name__)


Sets = tuple[ImageSet, ...]


def cached(path: Path, read: Callable[[], Sets], parts: Sequence[str] = ("train", "test")) -> Sets:
    """Return image sets from the file at `path`, or else read them and write the file.

    Args:
        path: the cache file; its name holds everything that the contents depend on.
        read: makes the image sets when the file is not there.
        parts: the names of the sets, in the order in which they are read.
    """
    try:
        return _load(path, parts)
    except FileNotFoundError:
        pass
    except (CheckpointError, DataError, KeyError, TypeError, OSError) as error:
        log.warning("the cache %s cannot be read and is made again: %s", path, error)
    sets = read()
    try:
        _save(path, dict(zip(parts, sets, strict=True)))
    except OSError as error:
        log.warning("the cache %s cannot be written, the next load is slow again: %s", path, error)
    return sets


def _save(path: Path, sets: dict[str, ImageSet]) -> None:
    tensors: dict[str, Tensor] = {}
    for part, images in sets.items():
        tensors |= {f"{part}.images": images.images, f"{part}.labels": images.labels}
    save_tensors(path, tensors, {"classes": list(sets["train"].classes)})


def _load(path: Path, parts: Sequence[str]) -> Sets:
    tensors, document = load_tensors(path)
    classes = tuple(document["classes"])
    return tuple(
        ImageSet(tensors[f"{part}.images"], tensors[f"{part}.labels"], classes) for part in parts
    )
