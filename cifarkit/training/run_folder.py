"""The folder a run leaves: readable without cifarkit.

::

    run.json               recipe, variant, seed, versions, device, data, times, status
    history.csv            one row an epoch
    weights.safetensors    the weights as they were last saved
    evaluation.json, figures/, report.html    from the command line
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from cifarkit.errors import CheckpointError, CifarkitError, RunFolderError, UnknownModelError
from cifarkit.models.registry import registry
from cifarkit.models.variant import Variant
from cifarkit.storage.atomic import write_text
from cifarkit.storage.tensor_file import load_tensors, save_tensors
from cifarkit.training.history import History
from cifarkit.training.run import Run
from cifarkit.values import from_json

__all__ = ["RunFolder", "load_run", "load_weights"]

FORMAT = 1
ABOUT, HISTORY, WEIGHTS = "run.json", "history.csv", "weights.safetensors"


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """One run's own folder.

    Args:
        path: of the folder.
    """

    path: Path

    def create(self) -> None:
        """Make the folder; an empty one may be there already.

        Raises:
            RunFolderError: it holds something, is a file, or cannot be made.
        """
        self.check_free()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unmakeable(error) from error

    def check_free(self) -> None:
        """Refuse a folder that holds something, because nothing is overwritten.

        Raises:
            RunFolderError: it holds something, or is no folder.
        """
        try:
            holds = sorted(entry.name for entry in self.path.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unmakeable(error) from error
        if holds:
            what = "a run" if ABOUT in holds else f"{holds[0]!r}"
            raise RunFolderError(
                f"the folder {str(self.path)!r} already holds {what}, and nothing is overwritten; "
                "choose another run_dir, or delete it"
            )

    def discard(self) -> None:
        """Take the folder of a run away that never began, so that the next try finds it free."""
        (self.path / ABOUT).unlink(missing_ok=True)
        self.path.rmdir()

    def save(self, run: Run) -> None:
        """Write the run's facts and history.

        Raises:
            RunFolderError: the disk refuses.
        """
        about = {"format": FORMAT, **_describe(run)}
        try:
            write_text(self.path / ABOUT, json.dumps(about, indent=2, default=repr) + "\n")
            if len(run.history):
                run.history.to_csv(self.path / HISTORY)
        except OSError as error:
            raise self._refused(error) from error

    def save_weights(self, model: nn.Module) -> None:
        """Write the network's weights and buffers.

        Raises:
            RunFolderError: the disk refuses; weights saved before are still there.
        """
        try:
            save_tensors(self.path / WEIGHTS, model.state_dict())
        except OSError as error:
            raise self._refused(error) from error

    def load(self) -> Run:
        """Read the run back; see `load_run`."""
        try:
            about = json.loads((self.path / ABOUT).read_text(encoding="utf-8"))
            path = self.path / HISTORY
            history = History.from_csv(path) if path.exists() else History()
            newest = about["format"]
            if newest > FORMAT:
                raise RunFolderError(
                    f"the run in {str(self.path)!r} has format {newest}, this version reads "
                    f"{FORMAT}; install a newer cifarkit"
                )
            recipe = from_json(about["recipe"])
            variant = _find_variant(about["variant"], recipe)
            classes = tuple(about["classes"])
            model = None
            if variant is not None:
                model = variant.build(num_classes=len(classes))
                load_weights(model, self.path)
            return Run(
                model,
                classes=classes,
                recipe=recipe,
                seed=about["seed"],
                variant=variant,
                history=history,
                folder=self.path,
                facts=about["facts"],
            )
        except CifarkitError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunFolderError(
                f"{str(self.path)!r} is no run folder that can be read: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _unmakeable(self, error: OSError) -> RunFolderError:
        return RunFolderError(
            f"the run folder {str(self.path)!r} cannot be made: {error.strerror or error}; "
            "choose another run_dir"
        )

    def _refused(self, error: OSError) -> RunFolderError:
        return RunFolderError(
            f"the run folder {str(self.path)!r} cannot be written: {error}; "
            "make room or choose another run_dir"
        )


def load_run(folder: str | Path) -> Run:
    """Read a run from its folder: the model with its weights, recipe, history and facts.

    Args:
        folder: what was `run_dir`.

    Returns:
        The run, the model in evaluation mode on the CPU.

    Raises:
        RunFolderError: it is no run folder, or one from a newer version.
        UnknownModelError: its variant is not registered here; import the file that does first.
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
    return RunFolder(Path(folder).expanduser()).load()


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Put saved weights into a network, all or none.

    Args:
        model: the network; left in evaluation mode.
        path: a run folder, or a safetensors file.

    Raises:
        CheckpointError: there is no such file, it is damaged, or it holds other tensors than
            the network; the message lists which.

    >>> import tempfile
    >>> from cifarkit.models.registry import create_model
    >>> file = Path(tempfile.mkdtemp()) / "linear.safetensors"
    >>> save_tensors(file, create_model("linear").state_dict())
    >>> load_weights(create_model("linear"), file)
    >>> load_weights(create_model("linear", num_classes=3), file)
    Traceback (most recent call last):
    ...
    cifarkit.errors.CheckpointError: the weights in '...' are another network's:
      differs: 1.weight is float32 (10, 3072), the network has float32 (3, 3072)
      differs: 1.bias is float32 (10,), the network has float32 (3,)
    """
    path = Path(path)
    file = path / WEIGHTS if path.is_dir() else path
    try:
        tensors, _ = load_tensors(file)
    except FileNotFoundError:
        raise CheckpointError(f"there are no weights at {str(file)!r}") from None
    differences = _differences(model.state_dict(), tensors)
    if differences:
        raise CheckpointError(
            "\n  ".join([f"the weights in {str(file)!r} are another network's:", *differences])
        )
    model.load_state_dict(tensors)
    model.eval()


def _differences(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> list[str]:
    lines = [f"missing: {name}" for name in ours if name not in theirs]
    lines += [f"extra: {name}" for name in theirs if name not in ours]
    lines += [
        f"differs: {name} is {_shape(theirs[name])}, the network has {_shape(ours[name])}"
        for name in ours
        if name in theirs and _shape(ours[name]) != _shape(theirs[name])
    ]
    return lines


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _describe(run: Run) -> dict[str, Any]:
    variant = run.variant and {
        "name": run.variant.name,
        "options": dict(run.variant.options),
        "summary": run.variant.summary,
        "source": run.variant.source,
    }
    return {
        "variant": variant,
        "classes": list(run.classes),
        "recipe": run.recipe.to_json(),
        "seed": run.seed,
        "facts": run.facts,
    }


def _find_variant(described: dict[str, Any] | None, recipe: Any) -> Variant | None:
    """Return the registered variant, with the options and the recipe the run was made with."""
    if described is None:
        return None
    if described["name"] not in registry:
        raise UnknownModelError(
            f"the run was trained on {described['name']!r} from {described['source']}, which is "
            "not registered here; import that file first (--import FILE on the command line)"
        )
    variant = registry[described["name"]]
    options = {  # JSON has no tuples
        name: tuple(value) if isinstance(value, list) else value
        for name, value in described["options"].items()
    }
    return dataclasses.replace(variant, options=options, recipe=recipe)
