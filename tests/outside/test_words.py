"""Words of other libraries: taken where they have one meaning, else answered with what to write."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import cifarkit as ck
from cifarkit.cli import main as program
from cifarkit.foreign_names import ATTRIBUTES, HOOK_NAMES
from cifarkit.foreign_words import CALLS, WAYS
from cifarkit.guidance import way_for
from cifarkit.synonyms import EXAMPLES, SYNONYMS, VALUES
from cifarkit.training.callback import HOOKS

MEANT = {way for table in VALUES.values() for way in table.values()}
SENTENCES = sorted(
    {*WAYS.values(), *ATTRIBUTES.values(), *CALLS.values(), *EXAMPLES.values(), *MEANT}
)


class TinyNet(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.layer = nn.Linear(3072, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images.flatten(1))


@pytest.fixture(scope="module")
def run(tiny: ck.Splits) -> ck.Run:
    return ck.train("linear", tiny, epochs=1, device="cpu")


# --- no advice is false


def calls_of(sentence: str) -> list[str]:
    """Return every call of cifarkit's in a sentence, brackets and all."""
    found = []
    for start in (match.start() for match in re.finditer(r"\bck\.[\w.]+\(", sentence)):
        depth = 0
        for end in range(start, len(sentence)):
            depth += {"(": 1, ")": -1}.get(sentence[end], 0)
            if depth == 0 and sentence[end] == ")":
                found.append(sentence[start : end + 1])
                break
    return found


def named(path: str) -> Any:
    found: Any = ck
    for name in path.split(".")[1:]:
        found = getattr(found, name)
    return found


def false_advice(sentence: str) -> list[str]:
    """Return what in a sentence cifarkit does not have, or would not take."""
    faults = []
    for path in re.findall(r"\bck\.[\w.]*\w", sentence):
        try:
            named(path)
        except AttributeError:
            faults.append(path)
    recipe = {*inspect.signature(ck.Recipe).parameters}
    for call in calls_of(sentence.replace("…", "...")):
        node = ast.parse(call, mode="eval").body
        assert isinstance(node, ast.Call)
        path = ast.unparse(node.func)
        if not re.fullmatch(r"ck(\.\w+)+", path):  # a method of what a call gave
            continue
        keywords = {one.arg: ... for one in node.keywords if one.arg}
        try:
            signature = inspect.signature(named(path))
            signature.bind(*node.args, **keywords)
        except (TypeError, AttributeError) as error:
            faults.append(f"{call}: {error}")
            continue
        if path in ("ck.train", "ck.compare"):
            known = {*signature.parameters} | recipe
            faults += [f"{path} {name}" for name in keywords if name not in known]
    return faults


@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_a_sentence_advises_is_there(sentence: str) -> None:
    for word in (word for word, said in WAYS.items() if said == sentence):
        ours = SYNONYMS.get(word.rpartition(".")[2], word.rpartition(".")[2])
        sentence = sentence.format(word=ours, value=EXAMPLES.get(ours, "..."))
        if "functools.partial(MyNet" not in sentence:
            assert false_advice(sentence) == []
        sentence = WAYS[word]
    if sentence not in WAYS.values():
        assert false_advice(sentence) == []


def test_false_advice_would_be_found() -> None:
    assert false_advice("write ck.plots.learning_curves(run)")
    assert false_advice("write ck.Step(each=3)")
    assert false_advice("write ck.train('linear', data, dropout=0.5)")
    assert not false_advice("write ck.Trainer(ck.Recipe(epochs=3)).fit(network, data)")


def test_every_example_fits_its_field() -> None:
    fields = {name: EXAMPLES[name] for name in inspect.signature(ck.Recipe).parameters}
    for name, text in {k: v for k, v in fields.items() if k in EXAMPLES}.items():
        ck.Recipe(**{name: eval(text, {"ck": ck})})
    for kind, names in ((ck.SGD, "lr momentum weight_decay"), (ck.Adam, "lr betas eps")):
        kind(**{name: ast.literal_eval(EXAMPLES[name]) for name in names.split()})


# --- what is refused, and with what

DOORS: dict[str, Callable[..., Any]] = {
    "train": lambda run, data, **words: ck.train("linear", data, **words),
    "Recipe": lambda run, data, **words: ck.Recipe(**words),
    "Trainer": lambda run, data, **words: ck.Trainer(**words),
    "fit": lambda run, data, **words: ck.Trainer().fit(run.model, data, **words),
    "confusion": lambda run, data, **words: ck.plots.confusion(None, **words),
    "curves": lambda run, data, **words: ck.plots.curves(run, **words),
    "samples": lambda run, data, **words: ck.plots.samples(data.train, **words),
    "training_batches": lambda run, data, **words: ck.training_batches(data.train, 4, **words),
    "Adam": lambda run, data, **words: ck.Adam(**words),
    "Plateau": lambda run, data, **words: ck.Plateau(**words),
    "RMSprop": lambda run, data, **words: ck.RMSprop(**words),
    "SGD": lambda run, data, **words: ck.SGD(**words),
    "CrossEntropy": lambda run, data, **words: ck.CrossEntropy(**words),
    "FocalLoss": lambda run, data, **words: ck.FocalLoss(**words),
    "Noise": lambda run, data, **words: ck.Noise(**words),
    "RandomErasing": lambda run, data, **words: ck.RandomErasing(**words),
    "EarlyStopping": lambda run, data, **words: ck.EarlyStopping(**words),
    "Checkpoint": lambda run, data, **words: ck.Checkpoint(**words),
    "load_cifar10": lambda run, data, **words: ck.load_cifar10(**words),
    "load_image_folder": lambda run, data, **words: ck.load_image_folder("x", **words),
    "load_arrays": lambda run, data, **words: ck.load_arrays(0, 0, 0, 0, **words),
    "load_dataset": lambda run, data, **words: ck.load_dataset(0, **words),
    "evaluate": lambda run, data, **words: ck.evaluate(run, data.val, **words),
    "predict": lambda run, data, **words: ck.predict(run, data.val, **words),
    "compare": lambda run, data, **words: ck.compare(["linear"], data, **words),
}

SCHEDULER = torch.optim.lr_scheduler.StepLR(torch.optim.SGD(nn.Linear(1, 1).parameters()), 7)
REFUSED = [
    ("train", {"learning_rate": 0.01}, "optimizer=ck.Adam(lr=0.01"),
    ("train", {"lr": 0.01}, "optimizer=ck.Adam(lr=0.01"),
    ("train", {"bs": 32}, "write batch_size=32"),
    ("train", {"ema": True}, "write ema_decay=0.999"),
    ("train", {"lr_decay": 0.5}, "schedule=ck.Step(factor=0.5)"),
    ("train", {"verbose": 0}, "write show_progress=False"),
    ("train", {"progress_bar": True}, "write show_progress=True"),
    ("train", {"disable_tqdm": True}, "show_progress=False"),
    ("train", {"patience": 3}, "ck.EarlyStopping(patience=3)"),
    ("train", {"tol": 0.01}, "ck.EarlyStopping(min_delta=0.01)"),
    ("train", {"loss_fn": nn.CrossEntropyLoss()}, "write loss=ck.CrossEntropy()"),
    ("train", {"label_smoothing": 0.1}, "write loss=ck.CrossEntropy(label_smoothing=0.1)"),
    ("train", {"class_weight": "balanced"}, "write loss=ck.CrossEntropy(class_weights='balanced')"),
    ("train", {"focal_loss": True}, "loss=ck.FocalLoss(gamma=2.0)"),
    ("train", {"random_erasing": 0.5}, "augment=ck.RandomErasing()"),
    ("train", {"rotation_range": 15}, "augment=ck.Rotation(degrees=15)"),
    ("train", {"color_jitter": 0.4}, "augment=ck.ColorJitter()"),
    ("train", {"temperature": 2.0}, "ck.fit_temperature(run, data)"),
    ("train", {"ensemble": 5}, "seeds=5).table['ensemble']"),
    ("CrossEntropy", {"weight": (1.0, 2.0)}, "write class_weights="),
    ("CrossEntropy", {"reduction": "sum"}, "leave it out"),
    ("FocalLoss", {"alpha": 0.25}, "class_weights='balanced'"),
    ("RandomErasing", {"p": 0.3}, "write probability=0.3"),
    ("Noise", {"sigma": 8}, "write sd=8"),
    ("train", {"metrics": ["accuracy"]}, "run.log("),
    ("train", {"num_workers": 4}, "leave it out"),
    ("train", {"transforms": []}, "augment=ck.Transform("),
    ("train", {"pretrained": True}, "ck.import_weights(path, network)"),
    ("train", {"clip_grad": 0.5}, "write clip_norm=0.5"),
    ("train", {"cutmix": 1.0}, "write mix=ck.CutMix(alpha=1.0)"),
    ("train", {"mixup": 0.4}, "write mix=ck.Mixup(alpha=0.2)"),
    ("train", {"sampler": None}, "write sampling=ck.Balanced()"),
    ("load_arrays", {"sampler": None}, "ck.train('baseline', data, sampling=ck.Balanced())"),
    ("train", {"cutout": True}, "ck.Cutout(size=8)"),
    ("train", {"swa": True}, "ema_decay=0.999"),
    ("train", {"dropout": 0.5}, "ck.Dropout(0.5)"),
    ("train", {"warmup_steps": 500}, "ck.Cosine(warmup=5)"),
    ("train", {"save_path": "out"}, "write run_dir='out'"),
    ("train", {"project": "mine"}, "write run_dir='mine'"),
    ("train", {"cv": 5}, "seeds=5"),
    ("train", {"alpha": 0.2}, "ck.Mixup(alpha=0.2)"),
    ("train", {"accelerator": "gpu"}, "write device='cuda'"),
    ("train", {"accelerator": "cpu"}, "write device='cpu'"),
    ("train", {"use_cuda": False}, "write device='cpu'"),
    ("train", {"fp16": True}, "write precision='bfloat16'"),
    ("train", {"fp16": False}, "write precision='float32'"),
    ("train", {"torch_compile": False}, "write compile='off'"),
    ("train", {"opt": "adamw"}, "write optimizer=ck.AdamW(lr=0.001)"),
    ("train", {"optim": torch.optim.Adam}, "write optimizer=ck.Adam(lr=0.001)"),
    ("train", {"lr_scheduler": "step"}, "write schedule=ck.Step(every=30, factor=0.1)"),
    ("train", {"scheduler": torch.optim.lr_scheduler.OneCycleLR}, "write schedule=ck.OneCycle()"),
    ("train", {"scheduler": "ReduceLROnPlateau"}, "write schedule=ck.Plateau(factor=0.1"),
    ("train", {"lr_schedule": "multistep"}, "write schedule=ck.MultiStep(milestones=(30, 40)"),
    ("train", {"milestones": (10, 20)}, "schedule=ck.MultiStep(milestones=(30, 40))"),
    ("train", {"opt": "rmsprop"}, "write optimizer=ck.RMSprop(lr=0.01)"),
    ("train", {"opt": "radam"}, "write optimizer=ck.TorchOptimizer(torch.optim.RAdam, lr=0.001)"),
    ("train", {"amsgrad": True}, "optimizer=ck.TorchOptimizer(torch.optim.Adam, amsgrad=True)"),
    ("Plateau", {"threshold": 0.01}, "write min_delta=0.01"),
    ("Plateau", {"mode": "min"}, "it always watches the val loss"),
    ("Plateau", {"gamma": 0.5}, "write factor=0.5"),
    ("Plateau", {"min_lr": 1e-5}, "ck.Plateau(final=0.01)"),
    ("RMSprop", {"rho": 0.9}, "write alpha=0.9"),
    ("train", {"scheduler": SCHEDULER}, "write schedule=ck.Step(every=30, factor=0.1)"),
    ("train", {"scheduler": object()}, "write schedule=ck.Cosine()"),
    ("train", {"use_cpu": True}, "device='cpu'"),
    ("train", {"epohcs": 3}, "did you mean epochs=3?"),
    ("Recipe", {"seed": 3}, "ck.train('baseline', data, seed=3)"),
    ("Recipe", {"momentum": 0.9}, "ck.SGD(lr=0.1, momentum=0.9)"),
    ("Recipe", {"nesterov": True}, "nesterov=True"),
    ("Recipe", {"max_lr": 0.4}, "ck.OneCycle(peak=0.4)"),
    ("Trainer", {"max_epochs": 3}, "ck.Trainer(ck.Recipe(epochs=3)).fit(network, data)"),
    ("Trainer", {"optimizer": "adam"}, "ck.Trainer(ck.Recipe(optimizer=ck.Adam(lr=0.001)))"),
    ("Trainer", {"lr": 0.3}, "ck.Trainer(ck.Recipe(optimizer=ck.Adam(lr=0.3)))"),
    ("Trainer", {"resume": True}, ".fit(network, data, resume=True)"),
    ("fit", {"epochs": 1}, "ck.Trainer(ck.Recipe(epochs=1)).fit(network, data)"),
    ("fit", {"seed": 3}, "ck.Trainer(ck.Recipe(epochs=3), seed=3).fit(network, data)"),
    ("confusion", {"figsize": (5, 5)}, "ax=matplotlib.pyplot.figure(figsize=(5, 5)).add_subplot("),
    ("confusion", {"normalize": True}, "counts=True writes the numbers"),
    ("confusion", {"axes": None}, "write ax=ax"),
    ("curves", {"title": "x"}, "ax.set_title('…')"),
    ("samples", {"ax": None}, "figure=matplotlib.pyplot.figure("),
    ("samples", {"num_images": 9}, "write n=9"),
    ("training_batches", {"seed": 0, "epoch": 0, "num_workers": 2}, "there are no workers"),
    ("Trainer", {"model": None}, ".fit(network, data)"),
    ("Trainer", {"enable_progress_bar": False}, "write show_progress=False"),
    ("Adam", {"learning_rate": 0.01}, "write lr=0.01"),
    ("Adam", {"beta_1": 0.9}, "write betas=(0.9, 0.999)"),
    ("Adam", {"amsgrad": True}, "ck.TorchOptimizer(torch.optim.Adam, amsgrad=True)"),
    ("SGD", {"dampening": 0.1}, "torch.optim.SGD, momentum=0.9, dampening=0.1)"),
    ("SGD", {"params": []}, "when training starts"),
    ("SGD", {"wd": 0.01}, "write weight_decay=0.01"),
    ("EarlyStopping", {"monitor": "val_acc", "mode": "max"}, "write column='val_accuracy'"),
    ("EarlyStopping", {"mode": "max"}, "leave it out"),
    ("EarlyStopping", {"restore_best_weights": False}, "write restore=False"),
    ("Checkpoint", {"monitor": "val_loss"}, "best.safetensors"),
    ("Checkpoint", {"filepath": "x.pt"}, "run_dir='runs/mine'"),
    ("Checkpoint", {"save_freq": "epoch"}, "write every_steps=500"),
    ("load_cifar10", {"transform": None}, "augment=ck.Transform("),
    ("load_cifar10", {"train": True}, "data.train, data.val and data.test"),
    ("load_cifar10", {"batch_size": 64}, "ck.train('baseline', data, batch_size=64)"),
    ("load_cifar10", {"validation_split": 0.2}, "write val_size=0.2"),
    ("load_image_folder", {"random_state": 3}, "write split_seed=3"),
    ("load_image_folder", {"image_size": 64}, "resizes them in its forward"),
    ("load_arrays", {"shuffle": True}, "leave it out"),
    ("load_arrays", {"class_names": ["a"]}, "write classes="),
    ("load_dataset", {"num_workers": 4}, "leave it out"),
    ("evaluate", {"batch_size": 64}, "leave it out"),
    ("evaluate", {"tta": True}, "write test_time=ck.TestTimeAugmentation()"),
    ("predict", {"device": "cpu"}, "leave it out"),
    ("compare", {"seed": 3}, "write seeds=[3]"),
    ("compare", {"n_runs": 3}, "write seeds=3"),
    ("compare", {"model": "linear"}, "ck.compare(['baseline', 'batchnorm'], data)"),
    ("compare", {"learning_rate": 0.1}, "ck.Adam(lr=0.1"),
]


def without_address(thing: object) -> str:
    """Print a thing alike in every process that collects the tests."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(thing))


@pytest.mark.parametrize(("door", "words", "said"), REFUSED, ids=without_address)
def test_a_foreign_argument_is_answered_with_what_to_write(
    door: str, words: dict[str, Any], said: str, run: ck.Run, tiny: ck.Splits
) -> None:
    with pytest.raises(ck.UnknownArgumentError) as refused:
        DOORS[door](run, tiny, **words)
    assert said in str(refused.value)
    assert f"takes no {[*words][-1]}=" in str(refused.value)


EVALUATION = ck.Evaluation(torch.eye(2).numpy(), torch.tensor([0, 1]).numpy(), ("a", "b"))
COMPARISON = ck.Comparison((), (), {"name": "nothing"})
PREDICTIONS = ck.Predictions(torch.eye(2).numpy(), ("a", "b"))
CALLED_WRONGLY: list[tuple[Callable[[ck.Splits], Any], str]] = [
    (lambda data: ck.Trainer().fit(TinyNet(), data.train, data.val), "ck.load_cifar10()"),
    (lambda data: ck.Trainer(TinyNet()), ".fit(network, data)"),
    (lambda data: ck.train("linear"), "ck.train needs splits"),
    (lambda data: ck.train("linear", data, model="mlp"), "given model twice"),
    (lambda data: ck.compare("linear", data), "ck.compare(["),
    (lambda data: ck.SGD(TinyNet().parameters(), lr=0.1), "optimizer=ck.SGD(lr=0.1)"),
    (lambda data: ck.evaluate(TinyNet()), "ck.evaluate(run, data.val)"),
    (lambda data: ck.fit, "ck.train('baseline', data)"),
    (lambda data: ck.transforms, "did you mean Transform?"),
    (lambda data: ck.Recipe(optimizer=torch.optim.Adam(TinyNet().parameters())), "ck.Adam()"),
    (lambda data: ck.plots.samples(data.train, 16), "ck.plots.samples(data.train, n=16)"),
    (lambda data: ck.plots.top_losses(EVALUATION), "needs image_set: write ck.plots.top_losses("),
    (lambda data: ck.training_batches(data, 4, seed=0, epoch=0), "such as data.train"),
    (lambda data: ck.training_batches(data.train, 4), "needs seed, epoch: write ck.training_ba"),
    (lambda data: ck.to_floats(data.test.images.numpy()), "ck.to_floats(torch.as_tensor(images))"),
    (lambda data: ck.to_bytes(data.test), "ck.to_bytes(images.images)"),
    (lambda data: ck.Splits(data.train, data.val, data.test), "name='mine')"),
    (lambda data: ck.train(TinyNet(), data, epochs=2), "ck.Trainer(ck.Recipe(epochs=2)).fit(netwo"),
    (lambda data: ck.train(TinyNet(), data), "give its class: ck.train(TinyNet, data)"),
    (lambda data: ck.train(nn.Flatten(), data), ".fit(network, data)"),
    (lambda data: ck.load_run(__file__), f"ck.load_run({str(Path(__file__).parent)!r})"),
    (lambda data: data[0], "data.train, data.val and data.test"),
    (lambda data: [*data], "data.train, data.val and data.test"),
    (lambda data: COMPARISON[0], "comparison.runs['baseline'][0]"),
    (lambda data: PREDICTIONS["a"], "predictions[:5]"),
    (
        lambda data: ck.train("linear", data, recipe=ck.Recipe()),
        "it takes single fields, such as epochs=3",
    ),
    (
        lambda data: ck.train(TinyNet(), data, recipe=ck.Recipe()),
        "write ck.Trainer(recipe).fit(network, data), or",
    ),
    (
        lambda data: ck.train(TinyNet(), data, recipe=ck.Recipe(), epochs=3),
        "write ck.Trainer(recipe.replace(epochs=3)).fit(network, data), or",
    ),
]


@pytest.mark.parametrize(("call", "said"), CALLED_WRONGLY)
def test_a_wrong_call_is_answered_with_the_right_one(
    call: Callable[[ck.Splits], Any], said: str, tiny: ck.Splits
) -> None:
    with pytest.raises(ck.CifarkitError, match=re.escape(said)):
        call(tiny)


LACKED = [
    *((ck, name, "ck.plots.curves(run)") for name in ("plot_history", "plot_loss")),
    *((ck, name, "evaluation.report()") for name in ("confusion_matrix", "accuracy_score")),
    *((ck, name, "ck.load_cifar10(val_size=") for name in ("random_split", "train_test_split")),
    (ck, "Compose", "augment=(ck.Flip(), ck.Crop())"),
    (ck, "RandomCrop", "augment=ck.Crop(padding=4)"),
    (ck, "RandomHorizontalFlip", "augment=ck.Flip()"),
    (ck, "RandomRotation", "augment=ck.Rotation(degrees=15)"),
    (ck, "TrivialAugmentWide", "augment=ck.TrivialAugment()"),
    (ck, "CrossEntropyLoss", "loss=ck.CrossEntropy()"),
    (ck, "MultiStepLR", "ck.MultiStep(milestones="),
    (ck, "ReduceLROnPlateau", "ck.Plateau("),
    (ck, "GradCAM", "ck.grad_cam(run, images)"),
    (ck, "clip_grad_norm_", "clip_norm=1.0"),
    *(
        (ck, name, "ck.fit_temperature(run, data)")
        for name in ("temperature", "TemperatureScaling")
    ),
    (ck, "ensemble", "seeds=5).table['ensemble']"),
    (EVALUATION, "ece", "ck.calibrate(evaluation)"),
    (COMPARISON, "ensemble", "comparison.table['ensemble']"),
    (ck, "manual_seed", "seed=0"),
    (ck, "plot_confusion", "ck.plots.confusion("),
    (ck, "zzzqqq", "dir(cifarkit) lists its names"),
    *((ck.plots, name, "ck.plots.curves(run)") for name in ("history", "loss", "learning_curve")),
    (ck.plots, "show", "matplotlib.pyplot.show()"),
    (ck.plots, "confusion_matrix", "ck.plots.confusion("),
    (ck.plots, "confusoin", "did you mean confusion?"),
    (ck.plots, "zzz", "it has activations, augmented"),
    (EVALUATION, "confusion_matrix", "evaluation.confusion"),
    *((EVALUATION, name, "evaluation.predicted") for name in ("predictions", "y_pred")),
    (EVALUATION, "acc", "evaluation.accuracy"),
    *((EVALUATION, name, "evaluation.per_class") for name in ("f1", "recall")),
    (PREDICTIONS, "probs", "predictions.probabilities"),
    (COMPARISON, "results", "comparison.table"),
    *(("run", name, "ck.score_on_test(run, data)") for name in ("test_accuracy", "test_loss")),
    *(("data.train", name, "write .images") for name in ("data", "x")),
    *(("data.train", name, "write .labels") for name in ("targets", "y")),
    ("data.train", "class_to_idx", "write .classes"),
    ("data", "num_classes", "len(data.classes)"),
    ("data", "class_names", "write data.classes"),
    ("data", "valid", "data.train, data.val and data.test"),
    ("data", "x_train", "data.train.images and data.train.labels"),
]


@pytest.mark.parametrize(("thing", "name", "said"), LACKED, ids=repr)
def test_a_name_that_is_not_there_is_answered_with_the_one_that_is(
    thing: Any, name: str, said: str, run: ck.Run, tiny: ck.Splits
) -> None:
    things = {"run": run, "data": tiny, "data.train": tiny.train}
    with pytest.raises(ck.UnknownAttributeError, match=re.escape(said)):
        getattr(things[thing] if isinstance(thing, str) else thing, name)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda run, data: run(data.val.images), "write run.model(images), or ck.predict(run, im"),
        (lambda run, data: ck.summary(run), "pass its .model"),
        (lambda run, data: ck.train(run, data), "pass its .model"),
    ],
)
def test_a_run_in_place_of_its_network_is_answered_with_the_network(
    use: Callable[..., Any], said: str, run: ck.Run, tiny: ck.Splits
) -> None:
    with pytest.raises(ck.CifarkitError, match=re.escape(said)):
        use(run, tiny)


def test_a_program_that_asks_for_a_protocol_gets_a_plain_answer() -> None:
    assert not hasattr(EVALUATION, "__array__")


@pytest.mark.parametrize("theirs", HOOK_NAMES)
def test_a_hook_of_another_library_is_answered_with_ours(theirs: str) -> None:
    ours = HOOK_NAMES[theirs]
    assert ours in HOOKS
    with pytest.raises(TypeError, match=rf"{theirs} is not a hook; write def {ours}\(self, run\)"):
        type("Theirs", (ck.Callback,), {theirs: lambda self, logs=None: None})


def test_every_public_function_answers_a_word_it_does_not_know() -> None:
    kinds = [getattr(ck, name) for name in ck.__all__]
    kinds += [getattr(ck.plots, name) for name in ck.plots.__all__]
    functions = [one for one in kinds if inspect.isfunction(one)]
    for function in functions:
        parameters = inspect.signature(function).parameters.values()
        if any(one.kind is one.VAR_KEYWORD for one in parameters):
            continue
        places = [... for one in parameters if one.default is one.empty and one.kind.value < 2]
        if function.__name__ in ("generator_for", "seed_for", "seeded"):
            continue
        if function.__name__ in ("to_bytes", "to_floats", "write_report"):
            continue
        with pytest.raises(ck.UnknownArgumentError, match=r"takes no zzz="):
            function(*places, zzz=1)


# --- what is taken


@pytest.mark.parametrize(
    ("field", "theirs", "ours"),
    [
        ("optimizer", "adam", ck.Adam()),
        ("optimizer", "SGD", ck.SGD()),
        ("optimizer", ck.AdamW, ck.AdamW()),
        ("optimizer", torch.optim.SGD, ck.SGD()),
        ("optimizer", partial(torch.optim.AdamW, lr=0.01), ck.AdamW(lr=0.01)),
        ("optimizer", partial(torch.optim.SGD, lr=0.1, momentum=0.9), ck.SGD(0.1, 0.9)),
        ("optimizer", "rmsprop", ck.RMSprop()),
        ("optimizer", "adagrad", ck.Adagrad()),
        ("optimizer", "NAdam", ck.NAdam()),
        ("optimizer", "adamax", ck.TorchOptimizer(torch.optim.Adamax)),
        ("optimizer", torch.optim.RMSprop, ck.RMSprop()),
        ("schedule", "multi_step", ck.MultiStep()),
        ("schedule", "plateau", ck.Plateau()),
        ("schedule", "cosine", ck.Cosine()),
        ("schedule", "one_cycle", ck.OneCycle()),
        ("schedule", ck.Linear, ck.Linear()),
        ("schedule", None, ck.Constant()),
        ("augment", ck.Flip(), (ck.Flip(),)),
        ("augment", [ck.Flip, "crop"], (ck.Flip(), ck.Crop())),
        ("augment", None, ()),
    ],
)
def test_a_recipe_takes_what_has_one_meaning(field: str, theirs: Any, ours: Any) -> None:
    assert ck.Recipe(**{field: theirs}) == ck.Recipe(**{field: ours})


def test_a_builder_is_trained_as_the_network_it_builds(tiny: ck.Splits) -> None:
    recipe = ck.Recipe(epochs=1, precision="float32")
    taken = ck.train(TinyNet, tiny, seed=3, device="cpu", epochs=1, precision="float32")
    with ck.seeded("weights", 3):
        network = TinyNet(len(tiny.classes))
    ck.Trainer(recipe, seed=3, device="cpu").fit(network, tiny)
    assert torch.equal(taken.model.state_dict()["layer.weight"], network.layer.weight)


def test_a_run_is_asked_as_its_network_is(run: ck.Run, tiny: ck.Splits) -> None:
    assert tiny.val is not None
    by_run, by_network = ck.evaluate(run, tiny.val), ck.evaluate(run.model, tiny.val)
    assert (by_run.logits == by_network.logits).all()
    images = tiny.test.images[:4]
    by_name = ck.predict(run, images)
    assert by_name.classes == run.classes
    assert (by_name.probabilities == ck.predict(run.model, images).probabilities).all()


def test_a_column_of_the_history_goes_by_its_name(run: ck.Run) -> None:
    assert run.history["train_loss"] == [record["train_loss"] for record in run.history]


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}, {"weight_decay": 0.01}])
def test_sgd_steps_as_torchs_does_to_the_bit(settings: dict[str, float]) -> None:
    ours, theirs = nn.Linear(6, 3), nn.Linear(6, 3)
    theirs.load_state_dict(ours.state_dict())
    steps = [
        (ours, ck.SGD(lr=0.1, **settings).build(ours.parameters())),
        (theirs, torch.optim.SGD(theirs.parameters(), lr=0.1, fused=True, **settings)),
    ]
    generator = torch.Generator().manual_seed(0)
    for images in torch.randn(5, 8, 6, generator=generator):
        for network, optimizer in steps:
            optimizer.zero_grad()
            network(images).square().sum().backward()
            optimizer.step()
    assert torch.equal(ours.weight, theirs.weight)
    with_momentum = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.5)
    assert with_momentum.defaults["momentum"] != ck.SGD().momentum


def test_built_in_recipes_write_down_every_setting_of_sgd() -> None:
    for name in ck.list_models():
        optimizer = ck.get_variant(name).recipe.optimizer
        if type(optimizer) is ck.SGD:
            said = optimizer.to_json()
            assert said["momentum"] > 0, name
            assert {"lr", "momentum", "nesterov", "weight_decay"} <= said.keys()


# --- the command line


def said_by(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *line: str
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["cifarkit", *line])
    with pytest.raises(SystemExit) as ended:
        program.main()
    return int(ended.value.code or 0), " ".join("".join(capsys.readouterr()).split())


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("help", 0, "evaluate"),
        ("help train", 0, "--batch-size"),
        ("-h", 0, "evaluate"),
        ("version", 0, f"cifarkit {ck.__version__}"),
        ("--version", 0, f"cifarkit {ck.__version__}"),
        ("list", 0, "resnet20"),
        ("trian", 2, "Did you mean 'train'?"),
        ("fit", 2, "write cifarkit train"),
        ("test", 2, "write cifarkit evaluate"),
        ("train --eopchs 3", 2, "did you mean --epochs?"),
        ("train --lr-rate 0.1", 2, "write --lr"),
        ("train --learning-rate=0.1", 2, "write --lr"),
        ("train --bs 64", 2, "write --batch-size"),
        ("train --model baseline", 2, "write cifarkit train MODEL"),
        ("train --output-dir out", 2, "write --run-dir"),
        ("train --gpu", 2, "write --device"),
        ("train --dataset cifar10", 2, "write --data"),
        ("train --optimizer adam", 2, "in Python, it belongs to the recipe: ck.train("),
        ("evaluate --run runs/x", 2, "write cifarkit evaluate RUN"),
        ("predict runs/x --images a.png", 2, "write cifarkit predict RUN PICTURES"),
        ("predict runs/x a.png --top 0", 2, "it must be 1 or more"),
        ("train --epochs one", 2, "it must be a whole number, such as 10"),
        ("train --lr much", 2, "it must be a number, such as 0.1"),
        ("evaluate runs/x --on all", 2, "'train', 'val', 'test'"),
        ("models --foo", 2, "it takes --json, --import"),
        ("train linear --seed -1", 1, "seed must be"),
    ],
)
def test_a_line_out_of_habit_is_understood_or_answered(
    line: str,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended, text = said_by(monkeypatch, capsys, *line.split())
    assert (ended, said in text) == (status, True), text


def test_a_folder_of_runs_is_answered_with_the_runs_in_it(
    tiny: ck.Splits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ck.train("linear", tiny, epochs=1, device="cpu", run_dir=tmp_path / "runs" / "first")
    monkeypatch.chdir(tmp_path)
    status, text = said_by(monkeypatch, capsys, "evaluate", "runs")
    assert status == 1
    assert "name one of the runs in it, such as" in text
    assert str(Path("runs") / "first") in text


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            ["a.png", "b.JPG", "notes.txt"],
            "write cifarkit predict runs/x 'my pics'/*.JPG 'my pics'",
        ),
        ([], "write cifarkit predict runs/x 'my pics'/*.png"),
    ],
)
def test_a_folder_of_pictures_is_answered_with_the_files_in_it(
    files: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my pics").mkdir()
    for name in files:
        Path("my pics", name).touch()
    status, text = said_by(monkeypatch, capsys, "predict", "runs/x", "my pics")
    assert (status, said in text) == (1, True), text


def test_a_word_of_nobodys_is_answered_with_what_there_is() -> None:
    assert way_for("Recipe", "zzz", 1, ["epochs", "lr"]) == "it takes epochs=, lr="
