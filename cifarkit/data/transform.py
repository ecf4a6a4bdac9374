"""torchvision's transforms as an augmentation, stored as the Python text that makes them again."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from cifarkit.data.augmentations import Augmentation
from cifarkit.errors import DataError, RecipeError

if TYPE_CHECKING:  # recipes name augmentations, and are listed without torch
    from torch import Generator, Tensor

__all__ = ["Transform"]

LONGEST = 10_000  # characters of a text of transforms
# Transforms that are refused: they scale as cifarkit does itself, need labels, or run any code.
REFUSED = {
    "Normalize": "cifarkit scales all pictures to [-1, 1] itself; leave it out",
    "MixUp": "it mixes labels, too: write mix=ck.Mixup()",
    "CutMix": "it mixes labels, too: write mix=ck.CutMix()",
    "Lambda": "your own code belongs in a class of augmentations, which is recorded: see "
    "ck.Augmentation",
}


@dataclass(frozen=True)
class Transform(Augmentation):
    """Change pictures one by one with torchvision's transforms, of v1 or v2.

    They get each picture as a Pillow image. All their randomness is keyed by the seed,
    whichever global generator they draw from. The result may be a Pillow image, whole numbers, or
    fractions 0 to 1 as from `ToTensor()`. This is far slower than `Flip`, `Crop` and `Cutout`,
    which change a whole batch at once; where those do what you need, use them.

    Args:
        transforms: one of torchvision's transforms, a list of them, or the text that makes them.
            It is stored as that text, also in the records of a run.

    Raises:
        RecipeError: one is not torchvision's, is `Normalize` or another that needs more than
            pictures, or cannot be written as text.

    >>> from torchvision.transforms import v2
    >>> Transform([v2.RandomHorizontalFlip(), v2.RandomGrayscale(p=0.2)])
    Transform(transforms='[v2.RandomHorizontalFlip(p=0.5), v2.RandomGrayscale(p=0.2)]')
    """

    transforms: Any

    def __post_init__(self) -> None:
        text = self.transforms
        if not isinstance(text, str):
            text = _written(text)
        _made(text)  # refuses what cannot be made again
        object.__setattr__(self, "transforms", text)

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Return the batch with every picture changed.

        Raises:
            DataError: a transform fails, or does not give square pictures of one size that are no
                larger.
        """
        import torch

        from cifarkit.randomness import seeded

        change = _made(self.transforms)
        key = int(torch.randint(2**62, (), generator=generator))
        with seeded("transform", key):
            changed = [self._changed(picture, change) for picture in images.cpu()]
        sizes = {tuple(picture.shape) for picture in changed}
        if len(sizes) > 1 or changed[0].shape[1] != changed[0].shape[2]:
            shapes = " and ".join(f"{width} by {height}" for _, height, width in sorted(sizes)[:2])
            raise DataError(
                f"{self} must give square pictures of one size, but gave {shapes}; end it with a "
                "crop or a resize to 32 by 32"
            )
        if changed[0].shape[1] > images.shape[2]:
            raise DataError(
                f"{self} must not enlarge pictures of {images.shape[2]} by {images.shape[2]}, but "
                f"gave {changed[0].shape[1]} by {changed[0].shape[1]}; give the transform the size "
                "32, and enlarge inside the network"
            )
        return torch.stack(changed).to(images.device)

    def _changed(self, image: Tensor, change: Callable[[Any], Any]) -> Tensor:
        from PIL import Image

        picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
        try:
            changed = change(picture)
        except Exception as error:  # torchvision may raise anything
            raise DataError(
                f"{self} cannot change a Pillow image: {error}; put v2.ToImage() before "
                "transforms that want tensors"
            ) from error
        return _bytes_of(changed, self)


def _bytes_of(changed: Any, transform: Transform) -> Tensor:
    """Return the output of a transform as uint8 `3 h w`."""
    import numpy as np
    import torch
    from PIL import Image

    if isinstance(changed, Image.Image):
        pixels = torch.from_numpy(np.array(changed.convert("RGB")))
        return pixels.permute(2, 0, 1).contiguous()
    if not isinstance(changed, torch.Tensor) or changed.ndim != 3 or len(changed) not in (1, 3):
        raise DataError(f"{transform} must give pictures, but gave {type(changed).__name__}")
    tensor: Tensor = changed.as_subclass(torch.Tensor).expand(3, -1, -1)
    if tensor.is_floating_point():
        if not (tensor.min() >= -1e-3 and tensor.max() <= 1.001):  # NaN too
            raise DataError(
                f"{transform} must give fractions 0 to 1, but gave {float(tensor.min()):g} to "
                f"{float(tensor.max()):g}; v2.ToDtype(torch.float32, scale=True) makes them of "
                "bytes"
            )
        tensor = (tensor * 255).round().clamp(0, 255)
    elif tensor.dtype == torch.bool or tensor.min() < 0 or tensor.max() > 255:
        raise DataError(
            f"{transform} must give whole numbers 0 to 255, but gave {tensor.dtype} "
            f"{int(tensor.min())} to {int(tensor.max())}; write torch.uint8, or torch.float32 with "
            "scale=True"
        )
    return tensor.to(torch.uint8)


def _written(thing: Any) -> str:
    """Write the Python text that makes transforms, or their arguments.

    Raises:
        RecipeError: they cannot be written as text.
    """
    import torch

    if isinstance(thing, torch.nn.ModuleList | torch.nn.Sequential | list):
        return f"[{', '.join(map(_written, thing))}]"
    if isinstance(thing, tuple):
        return f"({', '.join(map(_written, thing))}{',' * (len(thing) == 1)})"
    if isinstance(thing, Enum):
        return repr(thing.value)
    if isinstance(thing, bool | float | str | torch.dtype | type(None)):
        return repr(thing)
    if isinstance(thing, int) and thing.bit_length() <= 64:  # Python does not print larger ones
        return repr(thing)
    kind = type(thing)
    module = kind.__module__
    if isinstance(thing, type) or not module.startswith("torchvision.transforms"):
        name = getattr(thing, "__name__", kind.__name__)
        if isinstance(thing, Augmentation):
            raise RecipeError(
                f"Transform takes torchvision's transforms, and {name} is an augmentation already; "
                "put them next to each other: augment=(ck.Flip(), ck.Transform(…))"
            )
        if isinstance(thing, type):
            name += f"; make one of the class first: {name}(…)"
        raise RecipeError(
            "Transform takes torchvision's transforms, such as v2.RandomCrop(32, padding=4), found "
            f"{name}; your own code goes into a class of augmentations, see ck.Augmentation"
        )
    if kind.__name__ in REFUSED:
        raise RecipeError(f"Transform cannot take {kind.__name__}: {REFUSED[kind.__name__]}")
    namespace = "v2" if module.startswith("torchvision.transforms.v2") else "transforms"
    arguments = []
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = getattr(thing, name, parameter)
        if value is parameter:
            raise RecipeError(
                f"Transform cannot write down {kind.__name__}, which does not keep its {name}; "
                "a class of augmentations can call it, see ck.Augmentation"
            )
        if value is not None:
            arguments.append(f"{name}={_written(value)}")
    return f"{namespace}.{kind.__name__}({', '.join(arguments)})"


@functools.lru_cache(maxsize=64)
def _made(text: str) -> Callable[[Any], Any]:
    """Make the transforms of a text without running code: the text may come from a stranger's run.

    Raises:
        RecipeError: it holds more than calls of torchvision's transforms.
    """
    from cifarkit.data.torchvision_datasets import import_transforms

    namespaces = import_transforms()
    try:
        if len(text) > LONGEST:
            raise ValueError(f"it has more than {LONGEST:,} characters")
        made = _evaluated(ast.parse(text.strip(), mode="eval").body, namespaces)
    except RecipeError:
        raise
    except (SyntaxError, RecursionError, MemoryError, ValueError, TypeError) as error:
        raise RecipeError(
            f"{text[:80]!r} makes no transforms of torchvision ({str(error)[:80]}); pass the "
            "transforms, such as v2.RandomCrop(32, padding=4), or as repr(Transform) writes them"
        ) from error
    steps = _flat(made)
    if not steps or not all(callable(step) for step in steps):
        raise RecipeError(f"{text[:80]!r} makes no transforms of torchvision; write v2.…(…)")
    return lambda picture: functools.reduce(lambda changed, step: step(changed), steps, picture)


def _flat(made: Any) -> list[Any]:
    if isinstance(made, list | tuple):
        return [step for part in made for step in _flat(part)]
    return [made]


def _evaluated(node: ast.expr, namespaces: dict[str, Any]) -> Any:
    import torch

    if isinstance(node, ast.List | ast.Tuple):
        items = [_evaluated(item, namespaces) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Call) and not node.args:
        kind = _named(node.func, namespaces)
        options = {str(word.arg): _evaluated(word.value, namespaces) for word in node.keywords}
        return kind(**_with_enums(options, namespaces["transforms"]))
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        dtype = getattr(torch, node.attr, None)
        if node.value.id == "torch" and isinstance(dtype, torch.dtype):
            return dtype
    return ast.literal_eval(node)


def _named(node: ast.expr, namespaces: dict[str, Any]) -> Any:
    """Return the class of transforms that `v2.RandomCrop` names."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        kind = getattr(namespaces.get(node.value.id), node.attr, None)
        if (
            isinstance(kind, type)
            and kind.__module__.startswith("torchvision.transforms")
            and not issubclass(kind, Enum)
            and node.attr not in REFUSED
        ):
            return kind
    raise ValueError(f"{ast.unparse(node)} is not one of them")


def _with_enums(options: dict[str, Any], transforms: Any) -> dict[str, Any]:
    """Turn texts that stand for torchvision's enums back into enums."""
    enums = {"interpolation": transforms.InterpolationMode, "policy": transforms.AutoAugmentPolicy}
    return {
        name: enums[name](value) if name in enums and isinstance(value, str) else value
        for name, value in options.items()
    }
