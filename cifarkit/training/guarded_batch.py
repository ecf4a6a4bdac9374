"""Check whether a batch that a callback left can be trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from cifarkit.data.batches import Batch
from cifarkit.errors import CallbackError, ModelContractError
from cifarkit.models.contract import check_logits
from cifarkit.runs.run import Run

__all__ = ["check_batch"]

SLACK = 1e-3  # how far from 1 the sum of rounded shares may be


def check_batch(run: Run, caller: str, given: Batch) -> None:
    """Refuse a batch whose form differs from the batch before the hook.

    Args:
        run: the run, between `on_batch_start` and the step.
        caller: the callback and its hook.
        given: the batch before the hook.

    Raises:
        CallbackError: it is not a batch, or its images or targets cannot be trained on.
    """
    batch = getattr(run.state, "batch", None)
    if not isinstance(batch, Batch):
        raise CallbackError(
            f"{caller} left a {type(batch).__name__} in run.state.batch; it must be a "
            "ck.Batch(images, targets)"
        )
    wrong = _what_is_wrong(run, batch, given)
    if wrong:
        raise CallbackError(f"{caller} left {wrong}")
    side = batch.images.shape[-1]
    if side != given.images.shape[-1]:
        try:
            check_logits(run.model, len(run.classes), "the network", side=side)
        except ModelContractError as error:
            raise CallbackError(
                f"{caller} left images of {side} x {side} pixels, which the network does not "
                f"take; keep them {given.images.shape[-1]} x {given.images.shape[-1]}"
            ) from error


def _what_is_wrong(run: Run, batch: Batch, given: Batch) -> str:
    """Return what is wrong with a batch and what is allowed; None if nothing is."""
    for name, part in zip(("images", "targets"), batch, strict=True):
        if not isinstance(part, Tensor) or part.layout != torch.strided:
            return f"{type(part).__name__} {name} in run.state.batch; they must be a dense tensor"
        if part.device != given.images.device:
            return f"{name} on {part.device}; they must be on {given.images.device}"
    return _wrong_images(batch.images, given.images) or _wrong_targets(
        batch.targets, len(batch.images), len(run.classes)
    )


def _wrong_images(images: Tensor, given: Tensor) -> str:
    least = min(2, len(given))  # batch norm cannot learn from one
    if images.dtype != given.dtype:
        way = "run.state.batch.images are scaled to [-1, 1] already"
        return f"images of {images.dtype}; they must be {given.dtype}, and {way}"
    side = images.shape[-1] if images.ndim else 0
    if images.shape[1:] != (given.shape[1], side, side) or not side or len(images) < least:
        allowed = f"batch {given.shape[1]} {given.shape[2]} {given.shape[3]}"
        count = f", of {least} images at least"
        return f"images of shape {tuple(images.shape)}; it must be {allowed}{count}"
    if not all(end.isfinite() for end in images.aminmax()):  # needs no memory of a batch's size
        return "NaN or infinite pixels in run.state.batch; they must be numbers, in [-1, 1]"
    return ""


def _wrong_targets(targets: Tensor, count: int, classes: int) -> str:
    allowed = f"int64 labels below {classes}, or float32 shares of {classes} classes that sum to 1"
    if targets.shape not in ((count,), (count, classes)):
        return f"targets of shape {tuple(targets.shape)} for {count} images; allowed are {allowed}"
    if targets.dtype != (torch.int64 if targets.ndim == 1 else torch.float32):
        return f"targets of {targets.dtype}; allowed are {allowed}"
    low, high = targets.min().item(), targets.max().item()
    if targets.ndim == 1 and not (low >= 0 and high < classes):
        return f"labels from {low} to {high}; allowed are {allowed}"
    if targets.ndim == 2 and not (low >= 0 and ((targets.sum(1) - 1).abs() <= SLACK).all().item()):
        return f"targets that are not shares of 1; allowed are {allowed}"
    return ""
