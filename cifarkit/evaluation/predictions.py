"""What a network predicts for pictures without labels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import IOBase
from typing import Any, NamedTuple, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cifarkit.annotations import is_whole
from cifarkit.blocks import Block, Readable
from cifarkit.data.byte_range import RANGES
from cifarkit.data.foreign_arrays import gathered
from cifarkit.data.forms import warn_of_resizing
from cifarkit.data.image_set import IMAGE_SHAPE, ImageSet
from cifarkit.data.layouts import images_from_array
from cifarkit.data.pictures import load_picture
from cifarkit.data.views import TestTimeAugmentation
from cifarkit.errors import DataError
from cifarkit.evaluation.evaluation import Floats, Integers, check_finite, largest
from cifarkit.evaluation.inference import compute_logits
from cifarkit.evaluation.trained import Trained, check_not_splits, network_of
from cifarkit.guidance import Guided, explains_arguments
from cifarkit.tables import Table, percent

__all__ = ["Prediction", "Predictions", "as_images", "predict"]

SHOWN = 20  # pictures in a notebook


class Prediction(NamedTuple):
    """What a network predicts for one picture.

    Attributes:
        name: the name of the likeliest class.
        confidence: its probability.

    >>> name, confidence = Prediction("cat", 0.9)
    >>> name
    'cat'
    """

    name: str
    confidence: float


@dataclass(frozen=True, eq=False, repr=False)
class Predictions(Guided, Readable, Sequence[Prediction]):
    """Probabilities for pictures, and names for the likeliest class; a sequence of `Prediction`.

    Args:
        probabilities: float32 `n classes`, each row sums to 1.
        classes: the names of the classes.

    >>> print(Predictions(np.array([[0.9, 0.1], [0.4, 0.6]], np.float32), ("cat", "dog")))
    cat 90 %
    dog 60 %
    >>> Predictions(np.array([[0.75, 0.25]], np.float32), ("cat", "dog"))[0]
    Prediction(name='cat', confidence=0.75)
    """

    probabilities: Floats
    classes: tuple[str, ...]

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.probabilities)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> Predictions: ...

    def __getitem__(self, index: int | slice) -> Prediction | Predictions:
        """Return the prediction of one picture, or the predictions of a slice.

        Raises:
            DataError: the index is neither a whole number nor a slice.
            IndexError: there is no such picture.
        """
        if isinstance(index, slice):
            return Predictions(self.probabilities[index], self.classes)
        if not is_whole(index):
            raise DataError(
                f"the index of a prediction must be a whole number, found {index!r}; for several, "
                "write a slice, such as predictions[:5]"
            )
        row = self.probabilities[index]
        return Prediction(self.classes[row.argmax()], float(row.max()))

    @cached_property
    def labels(self) -> Integers:
        """The likeliest class of each picture, int64 `n`."""
        best: Integers = np.argmax(self.probabilities, axis=1)
        return best

    @property
    def names(self) -> list[str]:
        """The name of the likeliest class of each picture."""
        return [self.classes[label] for label in self.labels]

    @property
    def confidences(self) -> Floats:
        """The probability of the likeliest class, float32 `n`."""
        highest: Floats = np.max(self.probabilities, axis=1)
        return highest

    def __str__(self) -> str:
        return "\n".join(
            f"{name} {100 * confidence:.0f} %"
            for name, confidence in zip(self.names, self.confidences, strict=True)
        )

    def blocks(self) -> Sequence[Block]:
        """Return the likeliest class of the first pictures."""
        rows = [
            [str(index), self.names[index], percent(self.confidences[index])]
            for index in range(min(SHOWN, len(self)))
        ]
        more = [f"and {len(self) - SHOWN:,} more"] if len(self) > SHOWN else []
        return [repr(self), Table(("picture", "class", "confidence"), rows, align="llr"), *more]

    def __repr__(self) -> str:
        return f"Predictions({len(self)} pictures, {len(self.classes)} classes)"


@explains_arguments("ck.predict")
def predict(
    model: nn.Module | Trained,
    images: Any,
    *,
    classes: Sequence[str] | None = None,
    test_time: TestTimeAugmentation | None = None,
    value_range: tuple[float, float] | None = None,
) -> Predictions:
    """Predict the classes of pictures.

    Args:
        model: from `batch 3 32 32` to logits `batch classes`; or a run, which knows the names of
            the classes, and whose network predicts with the `test_time` views of its recipe.
        images: an `ImageSet`; whole numbers 0 to 255 in a tensor or array, of any layout and size
            that `load_arrays` takes; fractions -1 to 1, as networks see them; or the path of a
            picture file of any size and mode, a Pillow image, or several of these.
        classes: the names of the classes; when None, the `ImageSet`'s names, or plain numbers for
            anything else.
        test_time: the views of each picture whose logits are averaged; the unchanged picture when
            None.
        value_range: the fractions that mean black and white: `(0, 1)` for what torchvision's
            `ToTensor()` gives, `(-1, 1)` for what networks see, `(0, 255)` for bytes kept as
            floats. When None, fractions mean -1 to 1 if some are negative; if none is, that is an
            error.

    Returns:
        Probabilities and names.

    Raises:
        DataError: a picture cannot be read, an array has another shape, type or range, or there
            are more or fewer names than classes.
        ModelContractError: it is not a network, does not give `batch classes`, or does not take
            views of the size of `test_time`.
        NonFiniteLossError: it gives NaN or infinity for a picture.

    >>> from cifarkit.models.registry import create_model
    >>> predict(create_model("linear"), np.zeros((4, 32, 32, 3), np.uint8))
    Predictions(4 pictures, 10 classes)
    """
    if isinstance(classes, str):
        raise DataError(f"classes must be a list of names, found the one name {classes!r}")
    check_not_splits(images)
    if classes is None and isinstance(model, Trained) and not isinstance(model, nn.Module):
        classes = model.classes
    if classes is None and isinstance(images, ImageSet):
        classes = images.classes
    model, test_time = network_of(model, test_time)
    pictures = as_images(images, value_range)
    if len(pictures) == 0:
        raise DataError("there is nothing to predict: no images were given")
    logits = compute_logits(model, pictures, test_time)
    check_finite(largest(logits.numpy()))
    probabilities = torch.softmax(logits, dim=1).numpy()
    width = probabilities.shape[1]
    if classes is None:
        classes = [str(label) for label in range(width)]
    if len(classes) != width:
        raise DataError(f"the network knows {width} classes, but {len(classes)} names were given")
    return Predictions(probabilities, tuple(classes))


def as_images(images: Any, value_range: Any) -> Tensor:
    """Convert what `predict` takes to uint8 `n 3 32 32`, or float32 in [-1, 1].

    Raises:
        DataError: a picture cannot be read, or an array has another shape, type or range.
    """
    value_range = _checked_range(value_range)
    if isinstance(images, ImageSet):
        if value_range is None:
            return images.images
        images = images.images
    if isinstance(images, str | os.PathLike | Image.Image):
        images = [images]
    if isinstance(images, Iterator) and not isinstance(images, IOBase):  # such as folder.glob's
        images = list(images)
    if getattr(getattr(images, "dtype", None), "kind", "") in ("O", "U", "T") and images.ndim == 1:
        images = list(images)
    if isinstance(images, list | tuple):
        images = [
            load_picture(os.fspath(x)) if isinstance(x, str | os.PathLike) else x for x in images
        ]
        if not images:
            return torch.empty(0, *IMAGE_SHAPE)
    pictures = gathered(images, "images")
    if value_range is None:
        _check_range_is_clear(pictures if isinstance(pictures, list) else [pictures])
    if isinstance(pictures, np.ndarray) and _is_as_networks_see(pictures, value_range):
        return torch.tensor(pictures.astype("f4"))
    tensor, sizes = images_from_array(pictures, "images", value_range=value_range)
    warn_of_resizing(sizes)
    return tensor


def _checked_range(value_range: Any) -> tuple[int, int] | None:
    if value_range is None:
        return None
    try:
        pair = tuple(bound + 0.0 for bound in value_range)
    except (TypeError, ValueError):
        pair = ()
    if pair not in RANGES:
        raise DataError(f"value_range must be (0, 1), (-1, 1) or (0, 255), found {value_range!r}")
    return int(pair[0]), int(pair[1])


def _check_range_is_clear(pictures: Sequence[Any]) -> None:
    """Refuse fractions without a negative one: nearly all pictures in [-1, 1] have some."""
    floats = [picture for picture in pictures if _is_float(picture) and picture.size]
    if not floats:
        return
    least, most = min(p.min().item() for p in floats), max(p.max().item() for p in floats)
    if least >= 0 and most <= 1:
        raise DataError(
            f"images are fractions from {least:g} to {most:g}, and networks see -1 to 1; pass "
            "value_range=(0, 1) for what ToTensor() gives, or value_range=(-1, 1) for pictures "
            "that are bright throughout"
        )


def _is_as_networks_see(images: Floats, value_range: tuple[int, int] | None) -> bool:
    return (
        _is_float(images)
        and images.shape[1:] == IMAGE_SHAPE
        and value_range in (None, (-1, 1))
        and len(images) > 0
        and bool(images.min() >= -1 and images.max() <= 1)
    )


def _is_float(picture: Any) -> bool:
    return isinstance(picture, np.ndarray) and picture.dtype.kind == "f"
