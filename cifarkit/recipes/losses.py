"""Losses as values: what training minimises.

A loss is computed for each image; a step uses the mean over its batch. Validation and test always
measure plain cross-entropy, in nats (natural logarithms), so that runs with different losses can be
compared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from cifarkit.annotations import Mismatch, Range
from cifarkit.errors import RecipeError
from cifarkit.values import Value

if TYPE_CHECKING:  # recipes are listed without torch
    import torch
    from torch import Tensor

__all__ = ["CrossEntropy", "FocalLoss", "Loss", "MultiMargin"]

Weight = Annotated[float, Range(0, 1e9)]


@dataclass(frozen=True)
class Loss(Value, ABC):
    """Base of all losses. To add one, write a frozen dataclass with a `__call__`.

    Attributes:
        soft_targets: whether the loss also takes shares, float `batch classes`, that sum to 1, in
            place of labels. Mixing pictures gives such targets. Set it in your own class when it
            does.

    >>> import torch
    >>> import torch.nn.functional as F
    >>> @dataclass(frozen=True)
    ... class Squared(Loss):
    ...     def __call__(self, logits, targets):
    ...         wanted = F.one_hot(targets, logits.shape[1])
    ...         return ((logits - wanted) ** 2).mean(1)
    >>> Squared().mean(torch.zeros(4, 10), torch.tensor([0, 1, 2, 3]))
    tensor(0.1000)
    """

    soft_targets: ClassVar[bool] = False
    in_place_of_code = (
        "ck.CrossEntropy(), ck.FocalLoss() or another of cifarkit's; for your own write a frozen "
        "dataclass over ck.Loss, whose __call__ gives a loss for each image"
    )

    @classmethod
    def taken_from(cls, found: Any) -> Value | None:
        """Return the loss that a torch loss, a class of losses, or the name of a class stands for.

        Raises:
            Mismatch: it is another torch loss, or a function.
        """
        import torch.nn.functional as F
        from torch import nn

        if found in (F.cross_entropy, nn.CrossEntropyLoss):
            return CrossEntropy()
        is_torchs = type(found) in (nn.CrossEntropyLoss, nn.MultiMarginLoss)
        if is_torchs and (found.reduction == "sum" or getattr(found, "ignore_index", -1) >= 0):
            raise Mismatch(
                "one with reduction='mean' and without ignore_index, since all images count; "
                "class_weights can hold a 0"
            )
        if type(found) is nn.CrossEntropyLoss:
            return CrossEntropy(found.label_smoothing, class_weights=_plain(found.weight))
        if type(found) is nn.MultiMarginLoss:
            return MultiMargin(
                found.margin, 2 if found.p == 2 else 1, class_weights=_plain(found.weight)
            )
        return super().taken_from(found)

    @abstractmethod
    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each image.

        Args:
            logits: float `batch classes`.
            targets: int64 `batch` labels, or shares where `soft_targets` is True.

        Returns:
            Float `batch`.
        """

    def mean(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch, which is differentiated.

        Args:
            logits: float `batch classes`.
            targets: as for `__call__`.

        Raises:
            RecipeError: the targets are shares, but the loss takes only labels; or it does not
                return one number for each image.
        """
        if targets.ndim == 2 and not self.soft_targets:
            raise RecipeError(
                f"{self!r} takes labels, and this batch has shares of classes, as a mix gives; "
                "write loss=ck.CrossEntropy(), or set soft_targets = True in your own class"
            )
        losses = self(logits, targets)
        if losses.shape != logits.shape[:1]:
            raise RecipeError(
                f"{self!r} must return one loss for each image, batch {len(logits)}; it returned "
                f"{tuple(losses.shape)}: leave out the mean, or write reduction='none'"
            )
        return losses.mean()

    def for_training_set(self, labels: Tensor, num_classes: int) -> Self:
        """Return the loss with the numbers that depend on the training set; most losses have none.

        Args:
            labels: the labels of all training images, int64 `n`.
            num_classes: how many classes there are.

        Raises:
            RecipeError: the loss does not fit these classes.
        """
        return self


@dataclass(frozen=True)
class ClassWeightedLoss(Loss, ABC):
    """A loss that can weight classes."""

    class_weights: tuple[Weight, ...] | Literal["balanced"] | None = field(
        default=None, kw_only=True
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_weights", _plain(self.class_weights))
        super().__post_init__()

    def for_training_set(self, labels: Tensor, num_classes: int) -> Self:
        """Return the loss with its class weights as numbers.

        Raises:
            RecipeError: there are not as many weights as classes.
        """
        if self.class_weights is None:
            return self
        if self.class_weights == "balanced":
            counts = labels.bincount(minlength=num_classes).clamp(min=1)
            balanced = len(labels) / (num_classes * counts.double())
            return self.replace(class_weights=tuple(balanced.tolist()))
        if len(self.class_weights) != num_classes:
            raise RecipeError(
                f"class_weights has {len(self.class_weights)} numbers, and the data has "
                f"{num_classes} classes; give one number for each class, or 'balanced'"
            )
        return self

    def _weights(self, logits: Tensor) -> Tensor | None:
        """Return the class weights, `classes`, on the device of the logits; None without weights.

        Raises:
            RecipeError: they are still `"balanced"`.
        """
        if self.class_weights is None:
            return None
        if self.class_weights == "balanced":
            raise RecipeError(
                "'balanced' needs the training labels: call "
                "for_training_set(labels, num_classes) first, as training does"
            )
        return _on_device(self.class_weights, logits.device, logits.dtype)


def _plain(weights: Any) -> Any:
    """Return class weights as a list if they are a tensor, an array, or a dict as in Keras."""
    if isinstance(weights, dict) and weights and sorted(weights) == list(range(len(weights))):
        return [weights[label] for label in range(len(weights))]
    return weights.tolist() if hasattr(weights, "tolist") else weights


@lru_cache(maxsize=8)  # a copy to a GPU waits, and cannot be captured in a CUDA graph
def _on_device(weights: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    import torch

    return torch.tensor(weights, device=device, dtype=torch.promote_types(dtype, torch.float32))


@dataclass(frozen=True)
class CrossEntropy(ClassWeightedLoss):
    """Cross-entropy, in nats: minus the natural logarithm of the label's probability.

    The mean is over images, and weights are not normalised. (`torch.nn.CrossEntropyLoss(weight=…)`
    divides by the sum of the weights in each batch.)

    Args:
        class_weights: a number for each class, in the order of the classes; `"balanced"` is
            `n / (classes * count)`, which makes all classes count the same (King and Zeng 2001, as
            in scikit-learn); None gives all images the same weight.
        label_smoothing: the share of certainty spread over all classes (Szegedy et al. 2016,
            section 7).

    >>> import torch
    >>> CrossEntropy()(torch.zeros(2, 10), torch.tensor([3, 7]))
    tensor([2.3026, 2.3026])
    >>> CrossEntropy(class_weights=(1.0, 3.0))(torch.zeros(2, 2), torch.tensor([0, 1]))
    tensor([0.6931, 2.0794])
    """

    soft_targets: ClassVar[bool] = True

    label_smoothing: Annotated[float, Range(0, 1, open=")")] = 0.0

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of each image."""
        return self._reduced(logits, targets, "none")

    def mean(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of a batch; without weights, exactly torch's bits."""
        if self.class_weights is None:
            return self._reduced(logits, targets, "mean")
        return super().mean(logits, targets)

    def _reduced(self, logits: Tensor, targets: Tensor, reduction: str) -> Tensor:
        import torch.nn.functional as F

        return F.cross_entropy(
            logits,
            targets,
            weight=self._weights(logits),
            label_smoothing=self.label_smoothing,
            reduction=reduction,
        )


@dataclass(frozen=True)
class FocalLoss(ClassWeightedLoss):
    """Cross-entropy with less weight on easy images: Lin et al. 2017, "Focal Loss", equation 5.

    Args:
        class_weights: as in `CrossEntropy`; the paper's alpha.
        gamma: how strongly confident, correct predictions lose weight; 0 is cross-entropy.

    >>> import torch
    >>> logits = torch.tensor([[0.0, 0.0], [4.0, 0.0]])
    >>> FocalLoss(gamma=2.0)(logits, torch.tensor([0, 0])).tolist()
    [0.1732867956161499, 5.871...e-06]
    """

    soft_targets: ClassVar[bool] = True

    gamma: Annotated[float, Range(0, 100)] = 2.0

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the focal loss of each image."""
        import torch
        import torch.nn.functional as F

        shares = targets if targets.ndim == 2 else F.one_hot(targets, logits.shape[1])
        logs = F.log_softmax(logits, dim=1)
        # At 0 the slope of a power below 1 is infinite.
        doubts = (-torch.expm1(logs)).clamp_min(torch.finfo(logs.dtype).tiny)
        losses = -shares * doubts**self.gamma * logs  # batch classes
        weights = self._weights(logs)
        return (losses if weights is None else losses * weights).sum(1)


@dataclass(frozen=True)
class MultiMargin(ClassWeightedLoss):
    """The multi-class hinge loss of support vector machines: Crammer and Singer 2001.

    It is 0 when the label's logit exceeds every other logit by at least the margin.

    Args:
        class_weights: as in `CrossEntropy`.
        margin: by how much the label's logit should exceed the others.
        p: 1, or 2 for the squared hinge.

    >>> import torch
    >>> MultiMargin()(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 0]))
    tensor([0.0000, 0.5000])
    """

    margin: Annotated[float, Range(0, 1e6, open="(")] = 1.0
    p: Literal[1, 2] = 1

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the hinge loss of each image."""
        import torch
        import torch.nn.functional as F

        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # not in bfloat16
        weights = self._weights(logits)
        return F.multi_margin_loss(
            logits, targets, p=self.p, margin=self.margin, weight=weights, reduction="none"
        )
