"""The checkpoints of a run folder: the newest, the one before in case it is damaged, the last."""

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
PREFIX = "module."  # of the running averages in a state, as torch's AveragedModel writes them
COUNT = "n_averaged"
FINAL = "checkpoint-final.safetensors"  # of a run that is over, and can get more epochs


@dataclass(frozen=True, eq=False, repr=False)
class CheckpointFiles:
    """What a training can be taken up from.

    Args:
        folder: of the run.
    """

    folder: Path

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint; the newest so far becomes the previous.

        From the first on, one of the two is whole at every moment, whatever stops the program.

        Raises:
            CheckpointError: the state holds what cannot be saved.
            OSError: the disk refuses.
        """
        fresh = self.folder / f"new-{NEWEST}"
        try:
            save_state(fresh, {"format": FORMAT, **state})
            newest = self.folder / NEWEST
            if newest.exists():
                newest.replace(self.folder / PREVIOUS)
            rename(fresh, newest)
            (self.folder / FINAL).unlink(missing_ok=True)  # of an earlier end
        finally:
            fresh.unlink(missing_ok=True)

    def load(
        self, names: Sequence[str] = (NEWEST, PREVIOUS), largest: int = LARGEST
    ) -> dict[str, Any] | None:
        """Return the newest state that is whole; None when there is none at all.

        Warns when the newest is damaged.

        Raises:
            CheckpointError: all that are there are damaged, or of another format.
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
                        f"{str(self.folder)!r} and train anew:",
                        *damaged,
                    ]
                )
            )
        return None

    def load_final(self) -> dict[str, Any] | None:
        """Return the state in which training ended; None where it was not kept."""
        return self.load([FINAL])

    def close(self, *, keep_final: bool) -> None:
        """Delete them, when the run is over; the newest is the final one, which may be kept."""
        newest = self.folder / NEWEST
        if keep_final and newest.exists():
            newest.replace(self.folder / FINAL)
        for name in (NEWEST, PREVIOUS) if keep_final else (NEWEST, PREVIOUS, FINAL):
            (self.folder / name).unlink(missing_ok=True)
        self.sweep()

    def sweep(self) -> None:
        """Delete what a program that was killed while it saved has left half-written."""
        for left in (*leftovers(self.folder), self.folder / f"new-{NEWEST}"):
            left.unlink(missing_ok=True)


def averages_of(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the averaged weights in a saved average; none where nothing was averaged."""
    if not state or state[COUNT] == 0:
        return {}
    return {
        name.removeprefix(PREFIX): tensor
        for name, tensor in state.items()
        if name.startswith(PREFIX)
    }
