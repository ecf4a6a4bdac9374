"""Train one network in several processes, which `torchrun` has started.

Each process takes its share of every batch. `DistributedDataParallel` averages the gradients (Li et
al. 2020, "PyTorch Distributed: Experiences on Accelerating Data Parallel Training"), so that all
make the same step. The result is the same as with one process at the same batch size, up to the
last digits, if the network treats each image independently. Batch norm and dropout do not: they see
only a share.
"""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cifarkit.data.batches import Batch
from cifarkit.data.image_set import ImageSet
from cifarkit.data.splits import Splits
from cifarkit.errors import TrainingError
from cifarkit.models.symptoms import as_found
from cifarkit.randomness import fork_rng, seed_for, seed_generators
from cifarkit.recipes.losses import Loss
from cifarkit.runs.environment import TORCHRUN
from cifarkit.runs.history import Record
from cifarkit.training.engine.forward import forward

__all__ = ["DistributedContext", "join_processes"]


@dataclass(frozen=True, eq=False, repr=False)
class DistributedContext:
    """The processes of one training; usually there is only one.

    Args:
        rank: the index of this process, counted from 0; only process 0 writes.
        count: how many processes there are.

    >>> alone = DistributedContext()
    >>> alone.sum(torch.tensor([2.0])), alone.any(True, False)
    (tensor([2.]), [True, False])
    """

    rank: int = 0
    count: int = 1

    def check_sizes(self, splits: Splits, batch_size: int) -> None:
        """Refuse batches or sets that give a process fewer than two images.

        Raises:
            TrainingError: there are too few images; every process raises it, so that none waits.
        """
        whole = len(splits.train) // batch_size * batch_size
        last = len(splits.train) - whole
        sizes = {"a batch": batch_size, "test": len(splits.test)}
        sizes |= {"the last batch": last} if last > 1 else {}  # one image joins the batch before
        sizes |= {} if splits.val is None else {"val": len(splits.val)}
        for name, size in sizes.items():
            if self.count > 1 and size < 2 * self.count:
                raise TrainingError(
                    f"{self.count} processes need at least {2 * self.count} images in {name}, "
                    f"found {size}; start fewer processes, or choose another batch_size"
                )

    def shard(self, batch: Batch) -> Batch:
        """Return this process's images of a batch."""
        if self.count == 1:
            return batch
        return Batch(*(part[self.rank :: self.count] for part in batch))

    def seed_step(self, device: torch.device, seed: int, epoch: int, step: int) -> None:
        """Seed the global generators for a step; dropout differs between processes."""
        seed_generators(seed_for("dropout", seed, epoch, step) + self.rank, device)

    def rescaled(self, loss: Tensor, shard: Batch, batch: Batch) -> Tensor:
        """Rescale the mean loss of a shard, so that the processes' average is the batch's mean."""
        if self.count == 1:
            return loss
        return loss * (self.count * len(shard.images) / len(batch.images))

    def measure(self, part: str, model: nn.Module, image_set: ImageSet) -> Record:
        """Return a network's loss and accuracy on a set; each process evaluates its share."""
        from cifarkit.evaluation.evaluation import measure

        if self.count > 1:
            image_set = image_set.subset(range(self.rank, len(image_set), self.count))
            for buffer in model.buffers():  # such as running means, which differ between processes
                dist.broadcast(buffer, src=0)
        evaluation = measure(model, image_set)
        sums = [evaluation.losses.sum(dtype=float), evaluation.correct, len(evaluation)]
        loss, correct, images = self.sum(torch.tensor(sums, dtype=torch.float64)).tolist()
        return {f"{part}_loss": loss / images, f"{part}_accuracy": correct / images}

    def wrap(self, model: nn.Module, batch: Batch, loss: Loss) -> nn.Module:
        """Return the network with its gradients averaged over all processes.

        Args:
            model: the network; it is not changed.
            batch: a batch that shows which weights a gradient reaches; without
                `find_unused_parameters`, PyTorch waits for the gradients of all weights.
            loss: the loss that training minimises.
        """
        if self.count == 1:
            return model
        # The processes must agree, or else they would wait for each other for ever.
        [has_more] = self.any(_leaves_weights_out(model, batch, loss))
        return DistributedDataParallel(model, find_unused_parameters=has_more)

    def sum(self, numbers: Tensor) -> Tensor:
        """Return the sums over all processes."""
        if self.count == 1:
            return numbers
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"  # the current one, set below
        total = numbers.to(device)
        dist.all_reduce(total)
        return total.cpu()

    def any(self, *flags: bool) -> list[bool]:
        """Return for each flag whether any process has set it."""
        if self.count == 1:
            return list(flags)
        return self.sum(torch.tensor(flags, dtype=torch.float32)).bool().tolist()


def _leaves_weights_out(model: nn.Module, batch: Batch, loss: Loss) -> bool:
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    with as_found(model), fork_rng():
        mean, _ = forward(model.train(), batch, loss)
        gradients = torch.autograd.grad(mean, weights, allow_unused=True)
    return any(gradient is None for gradient in gradients)


def join_processes(device: torch.device) -> DistributedContext:
    """Join the processes that `torchrun` started; without `torchrun` there is one process.

    The process group stays until the program ends, for the next training; an existing group is
    used.
    """
    if TORCHRUN in os.environ and not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)
    if not (dist.is_available() and dist.is_initialized()):
        return DistributedContext()
    context = DistributedContext(dist.get_rank(), dist.get_world_size())
    context.any(False)  # wait for all: one may still write what the others are about to read
    return context
