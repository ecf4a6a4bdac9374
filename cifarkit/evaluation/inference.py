"""Run a network without training it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cifarkit.data.image_set import to_floats
from cifarkit.data.views import TestTimeAugmentation
from cifarkit.errors import DataError
from cifarkit.models.contract import (
    check_network,
    input_like,
    layout_of,
    logits_of,
    show_grey,
)
from cifarkit.modes import in_evaluation

__all__ = ["compute_logits"]

# Fixed for a device, so that the same network on the same images gives the same bits. On a CPU the
# output of 64 channels for a batch stays below 32 MiB: larger blocks of memory are returned to the
# system each time, and zeroed again. On an accelerator larger batches need fewer launches.
BATCH, BATCH_ELSEWHERE = 100, 1_000


def compute_logits(
    model: nn.Module, images: Tensor, test_time: TestTimeAugmentation | None = None
) -> Tensor:
    """Return the network's logits, in evaluation mode and without autocast.

    Every layer keeps its mode, and the global generators keep their states.

    Args:
        model: from `batch 3 32 32` in [-1, 1], of the type of its weights, to `batch classes`.
        images: uint8 `n 3 32 32`, or float32 in [-1, 1], on any device.
        test_time: the views whose logits are averaged; each picture unchanged when None.

    Returns:
        float32 `n classes`, on the CPU.

    Raises:
        DataError: `test_time` is something else, or the images are smaller than its windows.
        ModelContractError: it is not a network, does not take views of their size, or does not give
            `batch classes`.
    """
    check_network(model)
    if not isinstance(test_time, TestTimeAugmentation | None):
        raise DataError(f"test_time must be a ck.TestTimeAugmentation(…), found {test_time!r}")
    if test_time is not None:
        show_grey(model, "the model", test_time.size)
    device, dtype = input_like(model)
    layout = layout_of(model)
    with in_evaluation(model), torch.no_grad(), torch.autocast(device.type, enabled=False):
        parts = []
        for part in images.split(BATCH if device.type == "cpu" else BATCH_ELSEWHERE):
            part = part.to(device, memory_format=layout)
            floats = part if part.is_floating_point() else to_floats(part)
            floats = floats.to(dtype)
            views = [(1.0, floats)] if test_time is None else test_time.views(floats)
            weighed = [
                share * logits_of(model, view.contiguous(memory_format=layout))
                for share, view in views
            ]
            parts.append(torch.stack(weighed).sum(0))
        return torch.cat(parts).float().cpu()
