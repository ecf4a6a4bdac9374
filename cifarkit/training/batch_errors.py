"""Explain errors inside a network in training: name the batch and the error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cifarkit.data.batches import Batch
from cifarkit.errors import CifarkitError, ModelContractError
from cifarkit.models.contract import text_of
from cifarkit.models.torch_errors import torch_hint
from cifarkit.runs.run import Run
from cifarkit.training.engine.out_of_memory import is_shortage

__all__ = ["explained_batch"]


@contextmanager
def explained_batch(run: Run, batch: Batch, which: str) -> Iterator[None]:
    """Name the network and the batch in the errors of a block.

    Args:
        run: the run whose network is trained.
        batch: the batch that it is trained on.
        which: how messages call the batch, such as `"its first batch"`.

    Raises:
        ModelContractError: the forward or backward pass raised an error.
    """
    try:
        yield
    except CifarkitError:
        raise
    except Exception as error:
        if isinstance(error, RuntimeError | MemoryError) and is_shortage(error):
            raise
        who = repr(run.variant.name) if run.variant else "the model"
        raise ModelContractError(
            f"{who} cannot be trained on {which}, of {len(batch.images)} images: {text_of(error)}"
            f"{torch_hint(error, len(batch.images))}"
        ) from error
