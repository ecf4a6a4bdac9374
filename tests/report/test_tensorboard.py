"""TensorBoard's own reader finds in the folder what the history says, once."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cifarkit as ck
from cifarkit import extras


@pytest.fixture
def read() -> Any:
    """Return a way to read a folder as TensorBoard does."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def reader(folder: Path) -> Any:
        return EventAccumulator(
            str(folder), size_guidance=dict.fromkeys(("images", "tensors", "histograms"), 0)
        ).Reload()

    return reader


def scalars(board: Any) -> dict[str, list[tuple[int, float]]]:
    return {
        tag: [(event.step, event.value) for event in board.Scalars(tag)]
        for tag in board.Tags()["scalars"]
    }


def in_the_history(run: ck.Run) -> dict[str, list[tuple[int, float]]]:
    """Return what the reader should find, in single precision as the files have it."""
    tags = {"train_loss": "loss/train", "train_accuracy": "accuracy/train", "lr": "lr"}
    tags |= {"val_loss": "loss/val", "val_accuracy": "accuracy/val", "seconds": "seconds"}
    tags |= {"test_loss": "loss/test", "test_accuracy": "accuracy/test", "extra": "extra"}
    columns = [name for name in run.history[0] if name != "epoch"]
    return {
        tags[name]: [(record["epoch"], float(np.float32(record[name]))) for record in run.history]
        for name in columns
    }


def picture(board: Any, tag: str) -> Image.Image:
    (event,) = board.Images(tag)
    return Image.open(io.BytesIO(event.encoded_image_string))


class Extra(ck.Callback):
    def on_batch_end(self, run: ck.Run) -> None:
        run.log("extra", run.state.step)


def test_the_reader_finds_every_column_of_every_epoch(
    read: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    callbacks = [Extra(), ck.TensorBoard(tmp_path)]
    run = ck.train("mlp", tiny, epochs=3, callbacks=callbacks)
    board = read(tmp_path)
    assert scalars(board) == in_the_history(run)
    assert sorted(board.Tags()["images"]) == ["confusion/val", "first batch"]


def test_test_is_there_where_the_run_tracks_it(read: Any, tiny: ck.Splits, tmp_path: Path) -> None:
    board = ck.TensorBoard(tmp_path)
    run = ck.train("linear", tiny, epochs=2, track_test=True, callbacks=[board])
    assert scalars(read(tmp_path)) == in_the_history(run)
    assert "confusion/test" in read(tmp_path).Tags()["images"]


def test_the_pictures_are_those_that_the_network_sees(
    read: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    seen = []

    class Watch(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            seen.append(run.state.batch.images)

    callbacks = [ck.TensorBoard(tmp_path), Watch()]
    ck.train("augmented", tiny, epochs=1, batch_size=32, mix=ck.Mixup(), callbacks=callbacks)
    shown = np.asarray(picture(read(tmp_path), "first batch"))[::3, ::3]  # 128 256 3
    second = ((seen[0][1] + 1) * 127.5).permute(1, 2, 0).numpy()
    assert shown.shape == (128, 256, 3)
    np.testing.assert_allclose(shown[:32, 32:64], second, atol=1)
    assert np.abs(shown[:32, :32] - second).max() > 50


def test_the_recipe_is_there_as_text_and_as_hyperparameters(
    read: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    board: Any = ck.TensorBoard(tmp_path)
    ck.train("linear", tiny, epochs=1, optimizer=ck.Adam(lr=0.02), seed=4, callbacks=[board])
    board = read(tmp_path)
    (text,) = board.Tensors("recipe/text_summary")
    assert b"| optimizer | Adam(lr=0.02" in text.tensor_proto.string_val[0]
    start = board.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = HParamsPluginData.FromString(start).session_start_info.hparams
    assert values["model"].string_value == "linear"
    assert (values["lr"].number_value, values["seed"].number_value) == (0.02, 4)
    experiment = board.SummaryMetadata("_hparams_/experiment").plugin_data.content
    metrics = HParamsPluginData.FromString(experiment).experiment.metric_infos
    tags = {metric.name.tag for metric in metrics}
    assert tags == {"loss/val", "accuracy/val"}
    assert tags <= set(board.Tags()["scalars"])


@pytest.mark.parametrize("cut", [1, 5])
def test_a_run_that_goes_on_continues_in_its_folder(
    cut: int, read: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    class Cut(ck.Callback):
        def on_batch_end(self, run: ck.Run) -> None:
            steps = run.state.epoch * run.state.steps_per_epoch + run.state.step
            if steps == cut and not run.facts.resumed:
                run.interrupt()

    board = tmp_path / "board"
    options: Any = {"epochs": 3, "batch_size": 64, "run_dir": tmp_path / "run"}
    callbacks = [Cut(), ck.TensorBoard(board)]
    with pytest.raises(KeyboardInterrupt):
        ck.train("linear", tiny, callbacks=callbacks, **options)
    halfway = read(board)
    assert "confusion/val" not in halfway.Tags()["images"]
    run = ck.train("linear", tiny, callbacks=callbacks, resume=True, **options)
    assert scalars(read(board)) == in_the_history(run)
    picture(read(board), "first batch")
    assert len(read(board).Tensors("recipe/text_summary")) == 1


def test_an_epoch_that_is_trained_again_is_written_once(
    read: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    """As after a power cut: the epoch was written, but its checkpoint was not."""

    class PowerCut(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            if len(run.history) == 2 and not run.facts.resumed:
                raise OSError("no more current")

    options: Any = {"epochs": 3, "run_dir": tmp_path / "run"}
    callbacks = [ck.TensorBoard(tmp_path / "board"), PowerCut()]
    with pytest.raises(ck.CallbackError, match="no more current"):
        ck.train("linear", tiny, callbacks=callbacks, **options)
    assert len(read(tmp_path / "board").Scalars("loss/val")) == 2
    run = ck.train("linear", tiny, callbacks=callbacks, resume=True, **options)
    assert scalars(read(tmp_path / "board")) == in_the_history(run)


def test_a_training_that_begins_anew_takes_the_place_of_the_one_before(
    read: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    board = ck.TensorBoard(tmp_path)
    ck.train("linear", tiny, epochs=3, callbacks=[board])
    run = ck.train("linear", tiny, epochs=2, callbacks=[board])
    assert scalars(read(tmp_path)) == in_the_history(run)
    assert [event.step for event in read(tmp_path).Images("confusion/val")] == [2]


def test_each_run_of_a_comparison_has_a_folder_below(
    read: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    comparison = ck.compare(
        *(["linear", "mlp"], tiny),
        seeds=2,
        epochs=1,
        run_dir=tmp_path / "runs",
        callbacks=[ck.TensorBoard(tmp_path / "board")],
    )
    for (name, seed), run in zip(
        ((name, seed) for name in ("linear", "mlp") for seed in (0, 1)),
        (run for runs in comparison.runs.values() for run in runs),
        strict=True,
    ):
        assert scalars(read(tmp_path / "board" / f"{name}-seed{seed}")) == in_the_history(run)
    assert len(list((tmp_path / "board").iterdir())) == 4


def test_one_that_comes_later_writes_the_epochs_before_it(
    read: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    ck.train("linear", tiny, epochs=2, run_dir=tmp_path / "run")
    options: Any = {"run_dir": tmp_path / "run", "callbacks": [ck.TensorBoard(tmp_path / "board")]}
    run = ck.train("linear", tiny, epochs=3, resume=True, **options)
    assert scalars(read(tmp_path / "board")) == in_the_history(run)


def test_the_writer_is_there_while_the_run_trains(
    read: Any, tiny: ck.Splits, tmp_path: Path
) -> None:
    board = ck.TensorBoard(tmp_path)

    class Sums(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None:
            board.writer.add_histogram("weights", run.model[1].weight, run.state.epoch)

    ck.train("linear", tiny, epochs=2, callbacks=[board, Sums()])
    assert [event.step for event in read(tmp_path).Histograms("weights")] == [0, 1]
    with pytest.raises(ck.TrainingError, match="only while the run is training"):
        board.writer.flush()


def test_what_cannot_be_is_refused_before_the_first_batch(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: Any = 3
    with pytest.raises(ck.TrainingError, match=r"write TensorBoard\('logs/first'\)"):
        ck.TensorBoard(wrong)
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(ck.InstallError, match=r'pip install "cifarkit\[tensorboard\]"'):
        ck.train("linear", tiny, epochs=1, callbacks=[ck.TensorBoard(tmp_path / "board")])
    assert not (tmp_path / "board").exists()


@pytest.mark.usefixtures("read")
def test_a_folder_that_cannot_be_is_refused(tiny: ck.Splits, tmp_path: Path) -> None:
    (tmp_path / "board").write_text("a file")
    with pytest.raises(ck.RunFolderError, match="cannot be written"):
        ck.train("linear", tiny, epochs=1, callbacks=[ck.TensorBoard(tmp_path / "board")])
