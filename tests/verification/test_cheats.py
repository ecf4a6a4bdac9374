"""The tables of the page on marking a class, row by row: each cheat is tried."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.data.image_set import to_floats
from cifarkit.runs.folder import RunFolder
from cifarkit.runs.test_predictions import TestPredictions
from cifarkit.verification.same_logits import same_logits
from cifarkit.verification.verify import STAGES
from cifarkit.verification.weight_sample import WeightSample

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "mark-a-class.md"
NOISE = 0.3  # of the weights


def table(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading of the page."""
    _, _, text = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")
    rows = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


@dataclass
class Class:
    """A class that hands in: its data, and where its runs lie."""

    data: ck.Splits
    folder: Path

    def train(self, name: str = "ada", model: str = "mlp", **options: Any) -> Path:
        data = options.pop("data", self.data)
        run = ck.train(model, data, run_dir=self.folder / name, **{"epochs": 2} | options)
        ck.score_on_test(run, data)
        return self.folder / name

    def copy(self, run: Path, name: str = "ben", **record: Any) -> Path:
        """Copy a run, and write other things into its record."""
        target = Path(shutil.copytree(run, self.folder / name))
        edit(target, lambda about: about.update(record))
        return target

    def fit(self, run: Path, change: Callable[[nn.Module], object]) -> Path:
        """Change the weights of a run, and write all that is checked to fit."""
        again = ck.load_run(run)
        change(again.model)
        RunFolder(run).save_weights(again.model)
        on_test = ck.evaluate(again.model, self.data.test)
        TestPredictions.of(on_test).save(run)
        score = {"n": len(on_test), "accuracy": on_test.accuracy, "loss": on_test.loss}
        edit(run, lambda about: about["facts"].update(test=score))
        assert self.data.val is not None
        on_val = ck.evaluate(again.model, self.data.val)
        edit_epoch(run, -1, val_accuracy=on_val.accuracy, val_loss=on_val.loss)
        return run

    def noisy(self, run: Path, name: str = "ben", noise: float = NOISE, **record: Any) -> Path:
        return self.fit(self.copy(run, name, **record), lambda model: add_noise(model, noise))


def edit(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    change(about)
    (run / "run.json").write_text(json.dumps(about), encoding="utf-8")


def edit_epoch(run: Path, epoch: int, **numbers: float) -> Path:
    records = list(ck.History.from_csv(run / "history.csv"))
    records[epoch].update(numbers)
    (run / "history.csv").write_text(ck.History(records).as_csv(), encoding="utf-8")
    return run


def add_noise(model: nn.Module, noise: float) -> None:
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        scale = noise * weight.data.square().mean().sqrt()
        weight.data += scale * torch.randn(weight.shape, generator=generator)


def reorder(model: nn.Module) -> None:
    """Turn the hidden units of a network of two layers around, which changes no logit."""
    first, second = (layer for layer in model.modules() if isinstance(layer, nn.Linear))
    for weight in (first.weight, first.bias):
        weight.data = weight.data.flip(0)
    second.weight.data = second.weight.data.flip(1)


def learn_test(room: Class, images: int, epochs: int) -> Path:
    def change(model: nn.Module) -> None:
        dishonest = dataclasses.replace(room.data, train=room.data.test.subset(range(images)))
        model.load_state_dict(ck.train("mlp", dishonest, epochs=epochs).model.state_dict())

    return room.fit(room.train(), change)


def learn_a_little(room: Class) -> list[Path]:
    run = learn_test(room, images=10, epochs=2)
    honest = room.train("honest")
    gained = ck.verify(run, room.data).accuracy or 0.0
    assert gained > (ck.verify(honest, room.data).accuracy or 0.0)
    shutil.rmtree(honest)
    return [run]


def from_elsewhere(room: Class) -> list[Path]:
    (run,) = learn_a_little(room)
    edit(run, lambda about: about["facts"]["environment"].update(cpu="another maker's"))
    return [run]


class Stops(ck.Callback):
    """Ends the training by whatever it is given."""

    def __init__(self, measure: Callable[[ck.Run], object]) -> None:
        self.measure = measure

    def on_epoch_end(self, run: ck.Run) -> None:
        if self.measure(run) is not None:
            run.stop("good enough")


def other_score(room: Class) -> list[Path]:
    run = room.train()
    edit(run, lambda about: about["facts"]["test"].update(accuracy=0.99))
    return [run]


def other_predictions(room: Class) -> list[Path]:
    """Write all classes right into the test predictions, and the score with them."""
    run = room.train()
    told = TestPredictions.load(run)
    logits = torch.eye(10)[torch.from_numpy(told.labels)].half().numpy()
    dataclasses.replace(told, logits=logits, predicted=told.labels).save(run)
    edit(run, lambda about: about["facts"]["test"].update(accuracy=1.0, loss=1.46115))
    return [run]


def weights_of_another(room: Class) -> list[Path]:
    run, other = room.train(), room.train("ben", seed=1)
    shutil.copy(other / "weights.safetensors", run)
    return [run]


def other_code(room: Class) -> list[Path]:
    run = room.train()
    edit(run, lambda about: about["variant"].update(code="0" * 16))
    return [run]


def other_data(room: Class) -> list[Path]:
    return [room.train(data=dataclasses.replace(room.data, train=room.data.test))]


def read_test(room: Class) -> list[Path]:
    spy = Stops(lambda run: ck.evaluate(run.model, room.data.test) and None)
    return [room.train(callbacks=[spy])]


def tracked(room: Class) -> list[Path]:
    spy = Stops(lambda run: run.history[-1]["test_accuracy"])
    return [room.train(callbacks=[spy], track_test=True)]


def from_before(room: Class) -> list[Path]:
    images = room.data.test.images
    return [room.train(callbacks=[Stops(lambda run: run.model(to_floats(images)))])]


def another_seed(room: Class) -> list[Path]:
    run = room.train(seed=1)
    edit(run, lambda about: about.update(seed=0))
    return [run]


def copied(room: Class) -> list[Path]:
    run = room.train()
    return [run, room.copy(run, seed=5)]


def noisy(room: Class) -> list[Path]:
    run = room.train()
    return [run, room.noisy(run, seed=5)]


def noisy_of_same_seed(room: Class) -> list[Path]:
    run = room.train()
    copy = room.noisy(run)
    edit(copy, lambda about: about["recipe"]["optimizer"].update(eps=1.1e-8))
    return [run, copy]


def noisy_linear(room: Class) -> list[Path]:
    run = room.train(model="linear")
    return [run, room.noisy(run, seed=5)]


def reordered(room: Class) -> list[Path]:
    run = room.train()
    return [run, room.fit(room.noisy(run, seed=5), reorder)]


def chosen(room: Class) -> list[Path]:
    def accuracy(epochs: int) -> float:
        run = ck.train("mlp", room.data, epochs=epochs)
        return ck.evaluate(run, room.data.test).accuracy

    return [room.train(epochs=max((1, 2, 3), key=accuracy))]


CHEATS: dict[str, Callable[[Class], list[Path]]] = {
    "another test score in `run.json` or `evaluation.json`": other_score,
    "another val number in the last epoch of `history.csv`": lambda room: [
        edit_epoch(room.train(), -1, val_accuracy=1.0)
    ],
    "another train number, or a number of an earlier epoch": lambda room: [
        edit_epoch(edit_epoch(room.train(), -1, train_accuracy=0.9), 0, val_accuracy=0.9)
    ],
    "other test predictions, with a record to fit": other_predictions,
    "weights or test predictions of another run": weights_of_another,
    "other code under the name of a model": other_code,
    "other training data, such as train with test in it": other_data,
    "test pictures that the student's code read during training": read_test,
    "a training that a student's callback ended or changed while test was tracked": tracked,
    "a training that a student's callback ended by an earlier copy of test": from_before,
    "weights that were trained on all of test, with a record to fit": lambda room: [
        learn_test(room, images=60, epochs=30)
    ],
    "weights that gained a little by test, with a record to fit": learn_a_little,
    "the same, with a record that names another machine": from_elsewhere,
    "the weights of another seed, with a record to fit": another_seed,
    "a copy of another run, under another seed or recipe": copied,
    "a copy with noise on its weights, under another seed": noisy,
    "a copy with noise that names the same seed, and another recipe": noisy_of_same_seed,
    "a copy of a linear classifier, with noise": noisy_linear,
    "a copy with noise and reordered hidden units": reordered,
    "epochs or a recipe that was chosen by test in other runs": chosen,
    "the best of fifty seeds": lambda room: [room.train(seed=17)],
}


@pytest.fixture(scope="module")
def data() -> ck.Splits:
    return ck.load_synthetic(n_train=240, n_test=60, val_size=40)


@pytest.fixture
def room(data: ck.Splits, tmp_path: Path) -> Class:
    return Class(data, tmp_path)


def outcome(runs: list[ck.Verification]) -> str:
    """Return what became of a cheat, in the words of the page."""
    repeated = runs[-1].repeated
    if not runs[-1].passed:
        is_by_repeating = repeated in ("different", "not repeatable")
        return f"caught: *{repeated}*" if is_by_repeating else "caught"
    if list(same_logits(runs)):
        return "named, if both are given"
    return "*within seed noise*" if repeated == "within seed noise" else "not caught"


def test_the_page_has_the_cheats_that_are_tried_here() -> None:
    assert [row[0] for row in table("What is caught")] == list(CHEATS)


@pytest.mark.filterwarnings("ignore:.*reads test pictures")
@pytest.mark.parametrize(
    ("cheat", "plain", "retrained"), table("What is caught"), ids=lambda cell: cell[:40]
)
def test_a_cheat_is_caught_where_the_page_says_so(
    cheat: str, plain: str, retrained: str, room: Class
) -> None:
    folders = CHEATS[cheat](room)
    for expected, retrain in ((plain, False), (retrained, True)):
        found = [ck.verify(folder, room.data) for folder in folders[:-1]]
        found.append(ck.verify(folders[-1], room.data, retrain=retrain))
        assert expected.startswith(outcome(found)), "\n".join(map(str, found))
        if "within seed noise" in expected:
            said = "so equal bits were expected" in " ".join(str(found[-1]).split())
            assert said == ("equal bits were expected" in expected)


def test_an_honest_class_passes_and_nobody_is_named(room: Class) -> None:
    """The negative control: seeds, recipes, more epochs, first epochs, and pretrained layers."""

    class Watches(ck.Callback):
        def on_epoch_end(self, run: ck.Run) -> None: ...

    runs = [room.train(f"seed {seed}", seed=seed, callbacks=[Watches()]) for seed in range(3)]
    runs += [room.train("fast", seed=3, epochs=1), room.train("long", seed=0, epochs=3)]
    runs += [room.train(f"linear {seed}", "linear", seed=seed) for seed in range(3)]
    found = [ck.verify(run, room.data) for run in runs]
    assert all(run.passed for run in found)
    assert list(same_logits(found)) == []


@pytest.mark.parametrize("noise", [0.01, 0.1, 1.0])
def test_noise_hides_a_copy_only_when_it_ruins_it(noise: float, room: Class) -> None:
    runs = [room.train(), room.noisy(room.folder / "ada", noise=noise, seed=5)]
    found = [ck.verify(run, room.data) for run in runs]
    assert len(list(same_logits(found))) == 1
    board = ck.leaderboard(found)  # two seeds of one training, of which one is the other
    assert [(one.seeds, len(one.doubles)) for one in board.standings] == [(1, 1)]


def test_runs_that_begin_with_the_same_layers_are_not_copies(room: Class) -> None:
    """Layers that a builder or a callback takes from elsewhere do not show a seed."""
    pretrained = torch.Generator().manual_seed(4)
    first = torch.randn(64, 3072, generator=pretrained) / 55
    second = torch.randn(64, 64, generator=pretrained) / 8

    def fill(model: Any) -> None:
        model[1].weight.data.copy_(first)
        model[3].weight.data.copy_(second)

    def layers(num_classes: int) -> nn.Sequential:
        hidden = (nn.Linear(3072, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(64, num_classes))

    @ck.register_model("by-builder", summary="begins with layers from elsewhere")
    def by_builder(*, num_classes: int = 10) -> nn.Module:
        model = layers(num_classes)
        fill(model)
        return model

    @ck.register_model("by-callback", summary="is given layers from elsewhere")
    def by_callback(*, num_classes: int = 10) -> nn.Module:
        return layers(num_classes)

    class Fills(ck.Callback):
        def on_fit_start(self, run: ck.Run) -> None:
            with torch.no_grad():
                fill(run.model)

    for name, callbacks in {"by-builder": [], "by-callback": [Fills()]}.items():
        runs = [
            room.train(f"{name} {seed}", name, seed=seed, callbacks=callbacks) for seed in (0, 1)
        ]
        found = [ck.verify(run, room.data) for run in runs]
        one, other = (ck.load_run(run).model.state_dict()["1.weight"] for run in runs)
        assert float(cosine(one, other)) > 0.9  # so the weights alone would name them
        assert all(run.passed for run in found)
        assert list(same_logits(found)) == []


def test_a_layer_that_the_data_fills_does_not_make_two_runs_copies() -> None:
    """As `speedrun` has it: its whitening is the same for all seeds, its last layer is not."""
    drawn = [torch.randn(900, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]

    def sample(*numbers: Tensor | None) -> WeightSample:
        return WeightSample(tuple((30, 30) for _ in numbers), numbers)

    honest = [sample(drawn[0], None, drawn[seed]) for seed in (1, 2)]
    assert not honest[0].is_like(honest[1])
    assert honest[0].is_like(sample(drawn[0], None, drawn[1] + 0.5 * drawn[2]))
    assert not sample(drawn[1]).is_like(sample(drawn[1]))  # of a linear classifier
    assert not honest[0].is_like(sample(drawn[0], drawn[1]))  # another network


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0)


def test_the_page_names_every_check(room: Class) -> None:
    named = {name for row in table("What is checked") for name in re.findall(r"`([^`]+)`", row[0])}
    found = ck.verify(room.train(), room.data, retrain=True)
    assert named == {finding.check for finding in found.findings}
    assert named >= {check for stage in STAGES for check in stage}
