"""The folder of a run, which can be read without cifarkit.

::

    run.json               recipe, variant, seed, versions, device, data, times, status
    history.csv            one row for each epoch
    weights.safetensors    the weights when training ended
    best.safetensors       the weights of the best epoch on val, if `Checkpoint` is a callback
    checkpoint.safetensors, checkpoint-previous.safetensors
                           the state from which the run resumes, until it is over
    checkpoint-final.safetensors   the state at the end, if the run can get more epochs
    test_logits.safetensors        the predictions for test images, from `score_on_test`
    evaluation.json, figures/, report.html    from the command line
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import NoneType
from typing import Any

from torch import nn

from cifarkit.errors import CifarkitError, RunFolderError
from cifarkit.guidance import explains_arguments
from cifarkit.models.layout import choose_layout
from cifarkit.models.state import versions_of
from cifarkit.models.variant import Variant
from cifarkit.runs.checkpoint import CheckpointFiles
from cifarkit.runs.facts import Facts, current_record
from cifarkit.runs.history import History
from cifarkit.runs.recorded_variant import build_network, find_variant
from cifarkit.runs.run import OVER, Run
from cifarkit.runs.weights import WEIGHTS, load_weights
from cifarkit.storage.atomic import leftovers, write_text
from cifarkit.storage.folders import expanded
from cifarkit.storage.foreign_text import read_text
from cifarkit.storage.formats import refusal
from cifarkit.storage.tensor_file import save_tensors
from cifarkit.values import from_json

__all__ = [
    "BEST",
    "EVALUATION",
    "HISTORY",
    "LOCK",
    "TEST_PREDICTIONS",
    "RunFolder",
    "check_epochs",
    "load_run",
    "unwritable",
]

FORMAT = 1
ABOUT, HISTORY, BEST = "run.json", "history.csv", "best.safetensors"
TEST_PREDICTIONS, EVALUATION = "test_logits.safetensors", "evaluation.json"
SUFFIXES = (".json", ".csv", ".safetensors")
LOCK = ".lock"
KINDS: dict[str, Any] = {  # in run.json, besides the facts
    "variant": (dict, NoneType),
    "classes": list,
    "recipe": dict,
    "seed": int,
}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RunFolder:
    """One run's own folder.

    Args:
        path: the folder's path.
    """

    path: Path

    def create(self, *, go_on: bool = False) -> None:
        """Make the folder; it may exist if it is empty or, with `go_on`, if it holds a run.

        Raises:
            RunFolderError: it is not empty, is a file, or cannot be made.
        """
        if not (go_on and self.holds_run()):
            self.check_free()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:  # ValueError: a name that no disk can have
            raise self._unmakeable(error) from error

    def check_free(self) -> None:
        """Refuse a folder that is not empty, because nothing is overwritten.

        Half-written files of a program that was killed at its start do not count.

        Raises:
            RunFolderError: it is not empty, or is not a folder.
        """
        try:
            litter = {LOCK, *(left.name for left in leftovers(self.path))}
            holds = sorted({entry.name for entry in self.path.iterdir()} - litter)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:  # ValueError: a name that no disk can have
            raise self._unmakeable(error) from error
        if holds:
            is_run = ABOUT in holds
            what = "a run" if is_run else f"{holds[0]!r}"
            resume = "give resume=True to resume or read it, " if is_run else ""
            raise RunFolderError(
                f"the folder {str(self.path)!r} already holds {what}, and nothing is overwritten; "
                f"{resume}choose another run_dir, or delete it"
            )

    def holds_run(self) -> bool:
        """Return whether a run was started here."""
        try:
            return (self.path / ABOUT).is_file()
        except OSError:  # such as a name too long for any disk
            return False

    def is_over(self) -> bool:
        """Return whether the run here is over.

        Raises:
            RunFolderError: `run.json` cannot be read.
        """
        return self.holds_run() and self.about()["facts"]["status"] in OVER

    def epochs(self) -> int:
        """Return how many epochs the recipe of the run here has."""
        return int(self.about()["recipe"]["epochs"])

    def discard(self) -> None:
        """Delete the record of a run that never began, so that the next try may use the folder."""
        (self.path / ABOUT).unlink(missing_ok=True)

    def save(self, run: Run) -> None:
        """Write the run's facts and history.

        Raises:
            RunFolderError: a file cannot be written.
        """
        about = {"format": FORMAT, **run.describe()}
        try:
            write_text(self.path / ABOUT, json.dumps(about, indent=2) + "\n")
            if len(run.history):
                write_text(self.path / HISTORY, run.history.as_csv())
        except OSError as error:
            raise unwritable(self.path, error) from error

    def save_weights(self, model: nn.Module, name: str = WEIGHTS) -> None:
        """Write the network's weights and buffers.

        Raises:
            RunFolderError: the file cannot be written; weights saved before are still there.
        """
        try:
            about = {"versions": versions_of(model)}
            save_tensors(self.path / name, model.state_dict(), about)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Write a checkpoint from which the run can resume.

        Raises:
            RunFolderError: the file cannot be written; the checkpoints before are still there.
        """
        try:
            CheckpointFiles(self.path).save(state)
            for name in (WEIGHTS, TEST_PREDICTIONS, EVALUATION):  # of earlier training
                (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def about(self) -> dict[str, Any]:
        """Return the contents of `run.json`.

        Raises:
            RunFolderError: it cannot be read, or is of another format.
        """
        path = self.path / ABOUT
        try:
            for entry in self.path.glob("*"):  # reading a pipe would never end
                if entry.suffix in SUFFIXES and entry.exists() and not entry.is_file():
                    raise OSError(f"{entry.name} is not a file")
            about: dict[str, Any] = json.loads(read_text(path))
            version = about["format"]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RunFolderError(self._way_to_a_run()) from error
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._unreadable(error) from error
        if refused := refusal(f"the run in {str(self.path)!r}", version, FORMAT):
            raise RunFolderError(refused)
        try:
            for name, kinds in KINDS.items():
                if name not in about:
                    raise RunFolderError(f"{ABOUT} has no {name!r}")
                if not isinstance(about[name], kinds):
                    raise RunFolderError(f"found {about[name]!r} as {name}")
            return current_record(about)
        except (KeyError, RunFolderError) as error:
            raise self._unreadable(error) from error

    def variant_and_seed(self) -> tuple[Variant, int]:
        """Return the run's variant, with its options and recipe, and the run's seed.

        Raises:
            RunFolderError: it cannot be read, or the network has no registered name.
            UnknownModelError: the variant is not registered here.
        """
        about = self.about()
        try:
            variant = find_variant(about["variant"], from_json(about["recipe"]))
            seed = int(about["seed"])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise self._unreadable(error) from error
        if variant is None:
            raise RunFolderError(
                f"the run in {str(self.path)!r} is of a network without a registered name"
            )
        return variant, seed

    def load(self, like: Run | None = None) -> Run:
        """Read the run back; see `load_run`.

        Args:
            like: a run with the same settings, whose network gets the weights; when None, the
                network is built by its name.
        """
        about = self.about()
        try:
            path = self.path / HISTORY
            history = History.from_csv(path) if path.exists() else History()
            recipe = from_json(about["recipe"])
            variant = like.variant if like else find_variant(about["variant"], recipe)
            classes = tuple(about["classes"])
            model = like.model if like else None
            if model is None and variant is not None:
                model = build_network(variant, len(classes), self.path)
            facts: Facts = about["facts"]
            if model is not None:
                load_weights(model, self.path)
                choose_layout(model)
            return Run(
                model,
                classes=classes,
                recipe=recipe,
                seed=about["seed"],
                variant=variant,
                history=history,
                folder=self.path,
                facts=facts,
            )
        except CifarkitError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._unreadable(error) from error

    def _way_to_a_run(self) -> str:
        """Suggest the folder that may be meant when a folder holds no run."""
        if self.path.is_file():
            return (
                f"{str(self.path)!r} is a file, and a run is a folder; name the folder that it is "
                f"in: ck.load_run({str(self.path.parent)!r})"
            )
        within = sorted(str(found.parent) for found in self.path.glob(f"*/{ABOUT}"))
        way = f"name one of the runs in it, such as {', '.join(map(repr, within[:3]))}"
        way = way if within else "name the folder that was run_dir"
        return f"there is no run in {str(self.path)!r}: it has no {ABOUT}; {way}"

    def _unreadable(self, error: Exception) -> RunFolderError:
        cause = f"{type(error).__name__}: {error}"
        if isinstance(error, RunFolderError):
            cause = str(error)
        return RunFolderError(
            f"{str(self.path)!r} is not a run folder that can be read: {cause}; put a copy of it "
            "back, or train again"
        )

    def _unmakeable(self, error: OSError | ValueError) -> RunFolderError:
        reason = getattr(error, "strerror", None) or error
        return RunFolderError(
            f"the run folder {str(self.path)!r} cannot be made: {reason}; choose another run_dir"
        )


def unwritable(folder: Path, error: OSError) -> RunFolderError:
    """Return the error for a run folder that cannot be written."""
    return RunFolderError(
        f"the run folder {str(folder)!r} cannot be written: {error}; make room, get the right to "
        "write there, or choose another run_dir"
    )


@explains_arguments("ck.load_run")
def load_run(folder: str | Path) -> Run:
    """Read a run from its folder: the network with its weights, recipe, history and facts.

    Args:
        folder: the folder that was given as `run_dir`.

    Returns:
        The run, with its network in evaluation mode on the CPU.

    Raises:
        RunFolderError: it is not a run folder, or a newer version wrote it.
        UnknownModelError: its variant is not registered here; first import the file that registers
            it.
        CheckpointError: the weights are damaged or do not fit the network.

    >>> import tempfile
    >>> from cifarkit.data.synthetic import load_synthetic
    >>> from cifarkit.training.train import train
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> data = load_synthetic(n_train=200, n_test=50, val_size=20)
    >>> run = train("linear", data, epochs=1, run_dir=folder)
    >>> load_run(folder)
    Run('linear', seed 0, 1 epoch, finished)
    """
    run = RunFolder(expanded(folder)).load()
    check_epochs(run)
    return run


def check_epochs(run: Run) -> None:
    """Refuse a run whose status is finished, but whose history lacks epochs.

    Raises:
        RunFolderError: epochs are missing.
    """
    if run.status == "finished" and len(run.history) != run.recipe.epochs:
        raise RunFolderError(
            f"the run in {str(run.folder)!r} is finished, and {HISTORY} has {len(run.history)} of "
            f"its {run.recipe.epochs} epochs; put a copy of the folder back, or train again"
        )
