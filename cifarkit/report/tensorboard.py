"""Show a run in TensorBoard while it trains: https://www.tensorflow.org/tensorboard."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from torch import Tensor

from cifarkit.blocks import as_markdown
from cifarkit.data.image_set import ImageSet
from cifarkit.errors import RunFolderError, TrainingError
from cifarkit.evaluation.evaluation import measure
from cifarkit.extras import check_extra
from cifarkit.plots.confusion_grid import confusion
from cifarkit.runs.history import Record
from cifarkit.runs.run import Run
from cifarkit.storage.folders import expanded
from cifarkit.tables import Table
from cifarkit.training.callback import Callback

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

__all__ = ["TensorBoard"]

PARTS = ("train", "val", "test")
PICTURES = 32  # of the first batch
SCALE = 3  # pixels on the screen for one pixel of a picture
SIDE = 7.0  # inches, of a confusion matrix


class TensorBoard(Callback):
    """Write a run to a folder that TensorBoard shows: `tensorboard --logdir FOLDER`.

    It writes all columns of the history after each epoch, the learning rate too. `val_loss` becomes
    `loss/val`, so that train and val share a chart. It writes the recipe once, as text and as
    hyperparameters, and the pictures of the first batch as the network sees them. At the end it
    writes the confusion matrix of val. It writes test only if the run tracks it.

    In the list of callbacks it belongs behind those that log columns, and before `EarlyStopping`,
    so that the best weights give the confusion matrix. A resumed run continues in its folder. A new
    run in the same folder hides the events of the run before.

    Args:
        folder: the folder of this run; `--logdir` may name the folder above, which compares runs.
            In `ck.compare` each run gets a folder below it, such as `mlp-seed0`.

    Raises:
        TrainingError: `folder` is not a path.
        InstallError: when training starts, the package of `pip install "cifarkit[tensorboard]"` is
            missing.
        RunFolderError: when training starts, the folder cannot be written.

    >>> TensorBoard("logs/first")
    TensorBoard('logs/first')
    """

    all_ranks = False
    fields = ("folder",)

    def __init__(self, folder: str | Path) -> None:
        if not isinstance(folder, str | Path):
            raise TrainingError(
                f"TensorBoard writes to a folder, found {folder!r}; write TensorBoard('logs/first')"
            )
        self.folder = str(folder)
        self._writer: SummaryWriter | None = None

    def __repr__(self) -> str:
        return f"TensorBoard({self.folder!r})"

    @property
    def writer(self) -> SummaryWriter:
        """The torch writer, to show anything else while the run trains.

        Raises:
            TrainingError: the run is not training.
        """
        if self._writer is None:
            raise TrainingError("TensorBoard.writer is there only while the run is training")
        return self._writer

    def on_fit_start(self, run: Run) -> None:
        """Open the folder, and write the recipe."""
        check_extra("tensorboard", ("tensorboard",))
        from torch.utils.tensorboard.writer import SummaryWriter

        folder = self._folder_of(run)
        resumes = bool(run.facts.resumed) and any(folder.glob("events.out.tfevents.*"))
        try:
            # Readers drop earlier events from this step on, so that no epoch is there twice.
            self._writer = SummaryWriter(folder, purge_step=len(run.history) + 1 if resumes else 0)
        except OSError as error:
            raise RunFolderError(f"{str(folder)!r} cannot be written: {error}") from error
        if not resumes:
            self._write_facts(run)
            for epoch, record in enumerate(
                run.history, 1
            ):  # the events of earlier epochs are missing
                self._write_record(record, epoch)

    def on_batch_end(self, run: Run) -> None:
        """Show the first batch as the network sees it."""
        if run.state.epoch == run.state.step == 0:
            self.writer.add_images("first batch", _enlarged(run.state.batch.images[:PICTURES]), 0)

    def on_epoch_end(self, run: Run) -> None:
        """Write the epoch's record."""
        self._write_record(run.history[-1], len(run.history))
        self.writer.flush()

    def on_fit_end(self, run: Run) -> None:
        """Draw the confusion matrices if training is over; close the folder."""
        try:
            if run.stopped is not None or len(run.history) == run.recipe.epochs:
                for part, image_set in _measured(run):
                    side = max(SIDE, 0.3 * len(run.classes))
                    figure = Figure(figsize=(side, side), layout="constrained")
                    confusion(measure(run.model, image_set), ax=figure.subplots())
                    self.writer.add_figure(f"confusion/{part}", figure, len(run.history))
        finally:
            self.writer.close()
            self._writer = None

    def _folder_of(self, run: Run) -> Path:
        """Return the folder for a run's events; all runs of a comparison are given the same one."""
        folder = expanded(self.folder)
        return folder / run.folder.name if run.facts.cell and run.folder else folder

    def _write_record(self, record: Record, epoch: int) -> None:
        for name, number in record.items():
            if name != "epoch":
                self.writer.add_scalar(_tag(name), number, epoch)

    def _write_facts(self, run: Run) -> None:
        from torch.utils.tensorboard.summary import hparams

        self.writer.add_text("recipe", as_markdown(_described(run)), 0)
        values = {name: _plain(value) for name, value in _facts(run).items()}
        columns = [f"{part}_{what}" for part, _ in _measured(run) for what in ("loss", "accuracy")]
        # `add_hparams` would make another folder, and write the scalars a second time.
        for summary in hparams(values, {_tag(name): 0.0 for name in columns}):
            self.writer._get_file_writer().add_summary(summary)


def _tag(column: str) -> str:
    """Name a column so that train and val stand in one chart.

    >>> _tag("val_loss"), _tag("gradient_norm")
    ('loss/val', 'gradient_norm')
    """
    part, _, what = column.partition("_")
    return f"{what}/{part}" if part in PARTS else column


def _measured(run: Run) -> Iterator[tuple[str, ImageSet]]:
    """Yield the image sets that the run is measured on each epoch, with their names."""
    splits = run.state.splits
    if splits.val is not None:
        yield "val", splits.val
    if run.facts.track_test:
        yield "test", splits.test


def _facts(run: Run) -> dict[str, Any]:
    """Return the settings of a run, by name."""
    recipe = {
        field.name: getattr(run.recipe, field.name) for field in dataclasses.fields(run.recipe)
    }
    model = run.variant.name if run.variant else type(run.model).__name__
    lr = run.recipe.optimizer.lr
    return {"model": model, "seed": run.seed, "data": run.facts.data["name"], "lr": lr, **recipe}


def _described(run: Run) -> Table:
    rows = [(name, repr(value)) for name, value in _facts(run).items()]
    return Table(("what", "is"), rows, align="ll")


def _plain(value: Any) -> str | float:
    """Convert a value for TensorBoard's table of hyperparameters."""
    return value if isinstance(value, str | int | float) else repr(value)


def _enlarged(images: Tensor) -> Tensor:
    """Convert pictures `n 3 side side` from [-1, 1] to [0, 1], and enlarge them."""
    pixels = ((images.float() + 1) / 2).clamp(0, 1)
    return pixels.repeat_interleave(SCALE, dim=2).repeat_interleave(SCALE, dim=3)
