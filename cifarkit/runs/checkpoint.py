"""The checkpoints of a run folder: the newest, the previous (a reserve), and the final one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cifarkit.errors import CheckpointError
from cifarkit.storage.atomic import leftovers, rename
from cifarkit.storage.formats import refusal
from cifarkit.storage.state_file import load_state, save_state
from cifarkit.storage.tensor_file import LARGEST
from cifarkit.warn import warn

__all__ = ["COUNT", "PREFIX", "CheckpointFiles", "averages_of"]

FORMAT = 1
NEWEST, PREVIOUS = "checkpoint.safetensors", "checkpoint-previous.safetensors"
PREFIX = "module."  # of averaged weights, as torch's AveragedModel names them
COUNT = "n_averaged"
FINAL = "checkpoint-final.safetensors"  # of a run that is over, and can be trained for more epochs


@dataclass(frozen=True, eq=False, repr=False)
class CheckpointFiles:
    """The checkpoints from which a training can resume.

    Args:
        folder: the run's folder.
    """

    folder: Path

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint; the newest one so far becomes the previous one.

        After the first call, one of the two is whole at every moment, whatever stops the program.

        Raises:
            CheckpointError: the state holds something that cannot be saved.
            OSError: the file cannot be written.
        """
        fresh = self.folder / f"new-{NEWEST}"
        try:
            save_state(fresh, {"format": FORMAT, **state})
            newest = self.folder / NEWEST
            if newest.exists():
                newest.replace(self.folder / PREVIOUS)
            rename(fresh, newest)
            (self.folder / FINAL).unlink(missing_ok=True)  # of earlier training
        finally:
            fresh.unlink(missing_ok=True)

    def load(
        self, names: Sequence[str] = (NEWEST, PREVIOUS), largest: int = LARGEST
    ) -> dict[str, Any] | None:
        """Return the newest undamaged state; None if there is no checkpoint.

        Warns when the newest is damaged.

        Raises:
            CheckpointError: all checkpoints are damaged, or one has another format.
        """
        damaged = []
        for name in names:
            path = self.folder / name
            try:
                state = load_state(path, largest)
                version = state["format"]
            except FileNotFoundError:
                continue
            except (CheckpointError, KeyError, OSError) as error:
                damaged.append(f"{path}: {error}")
                continue
            if refused := refusal(f"the checkpoint {str(path)!r}", version, FORMAT):
                raise CheckpointError(refused)
            for text in damaged:
                warn(f"the newest checkpoint is damaged, so the previous one is taken ({text})")
            return state
        if damaged:
            raise CheckpointError(
                "\n  ".join(
                    [
                        "no checkpoint can be read; put a copy back, or delete the folder "
                        f"{str(self.folder)!r} and train again:",
                        *damaged,
                    ]
                )
            )
        return None

    def load_final(self) -> dict[str, Any] | None:
        """Return the state in which training ended; None if it was not kept."""
        return self.load([FINAL])

    def close(self, *, keep_final: bool) -> None:
        """Delete the checkpoints of a run that is over; the newest may be kept as the final one."""
        newest = self.folder / NEWEST
        if keep_final and newest.exists():
            newest.replace(self.folder / FINAL)
        for name in (NEWEST, PREVIOUS) if keep_final else (NEWEST, PREVIOUS, FINAL):
            (self.folder / name).unlink(missing_ok=True)
        self.sweep()

    def sweep(self) -> None:
        """Delete half-written files of a program that was killed while saving."""
        for left in (*leftovers(self.folder), self.folder / f"new-{NEWEST}"):
            left.unlink(missing_ok=True)


def averages_of(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the averaged weights in a saved average; an empty dict if there is no average yet."""
    if not state or state[COUNT] == 0:
        return {}
    return {
        name.removeprefix(PREFIX): tensor
        for name, tensor in state.items()
        if name.startswith(PREFIX)
    }
