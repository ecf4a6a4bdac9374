"""Augmentations: values that change a whole batch of training pictures at once.

Each takes uint8 `batch 3 32 32` and returns as many pictures of the same type, which may be
smaller. All randomness comes from the generator that it gets. A file holds one family.
"""

from cifarkit.data.augmentations.augmentation import Augmentation
from cifarkit.data.augmentations.colours import ColorJitter
from cifarkit.data.augmentations.crops import Crop, GrowingCrop
from cifarkit.data.augmentations.erasing import Cutout, RandomErasing
from cifarkit.data.augmentations.flips import AlternatingFlip, Flip
from cifarkit.data.augmentations.noise import Noise
from cifarkit.data.augmentations.rotation import Rotation
from cifarkit.data.augmentations.trivial import TrivialAugment

__all__ = [
    "AlternatingFlip",
    "Augmentation",
    "ColorJitter",
    "Crop",
    "Cutout",
    "Flip",
    "GrowingCrop",
    "Noise",
    "RandomErasing",
    "Rotation",
    "TrivialAugment",
]
