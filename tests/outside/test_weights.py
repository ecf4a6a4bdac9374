"""Weights that people bring: found wherever they lie, fitted by name, or refused with the way."""

from __future__ import annotations

import argparse
import os
import pickle
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

import cifarkit as ck


class Net(nn.Module):
    """A little network with batch norm and a head."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.bn(self.conv(images)).mean((2, 3)))
        return logits


class Wrapped(nn.Module):
    """Whose names all begin with `net.` of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(images)
        return logits


class Lazy(nn.Module):
    """Whose shapes come with the first batch, or with the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.LazyLinear(10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(images.flatten(1))
        return logits


class Harmful:
    """Pickled, it asks for a command of the system's."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


class Settings(dict[str, int]):
    """A dict of somebody's own."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "theirs.pth"


def weights() -> dict[str, Tensor]:
    torch.manual_seed(5)
    return {name: torch.rand(value.shape) for name, value in Net().state_dict().items()}


def under(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in weights().items()}


def adam() -> dict[str, Any]:
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.rand(2, 3, 32, 32)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def lightning(state: Mapping[str, Tensor]) -> dict[str, Any]:
    return {
        "epoch": 4,
        "global_step": 100,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": OrderedDict(state),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 4}}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.9), "at": Path("a")}},
        "optimizer_states": [adam()],
        "lr_schedulers": [],
        "hyper_parameters": argparse.Namespace(lr=0.1, layers=[1, 2]),
    }


def is_theirs(found: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    return found.keys() == theirs.keys() and all(
        torch.equal(found[name], value.to(found[name].dtype)) for name, value in theirs.items()
    )


PLACES: dict[str, Callable[[], Any]] = {
    "bare": weights,
    "ordered": lambda: OrderedDict(weights()),
    "parameters": lambda: {n: nn.Parameter(v) for n, v in weights().items()},
    "net, acc, epoch": lambda: {"net": weights(), "acc": 93.1, "epoch": 3},
    "model_state_dict": lambda: {
        "model_state_dict": weights(),
        "optimizer_state_dict": adam(),
        "loss": torch.tensor(0.3),
    },
    "model_state": lambda: {"model_state": weights(), "optim_state": adam()},
    "weights": lambda: {"weights": weights(), "classes": ["cat", "dog"]},
    "params": lambda: {"params": weights(), "params_ema": under("")},
    "unusual": lambda: {"resnet": weights(), "metrics": {"acc": torch.tensor(0.9)}},
    "two deep": lambda: {"checkpoint": {"model": weights(), "optimizer": adam()}},
    "only an average": lambda: {"model_ema": weights(), "optimizer": adam(), "epoch": 1},
    "beside an average": lambda: {"state_dict_ema": under("ema."), "state_dict": weights()},
    "beside numbers": lambda: {**weights(), "epoch": 3},
    "beside class weights": lambda: {"state_dict": weights(), "class_weights": torch.rand(10)},
    "NumPy numbers": lambda: {
        "net": weights(),
        "acc": np.float64(93.1),
        "epoch": np.int64(3),
        "losses": np.linspace(0, 1, 5),
        "names": np.array([None, "a"], dtype=object),
    },
    "an object": lambda: {"net": weights(), "args": argparse.Namespace(lr=0.1)},
    "own dict": lambda: {"net": weights(), "log": defaultdict(list, loss=[0.1])},
    "Lightning": lambda: lightning(under("model.")),
    "Lightning net": lambda: lightning(under("net.")),
    "Lightning compiled": lambda: lightning(under("model._orig_mod.")),
    "DataParallel": lambda: under("module."),
    "compiled": lambda: {"model": under("_orig_mod.")},
    "both": lambda: {"state_dict": under("_orig_mod.module.")},
    "both, turned": lambda: under("module._orig_mod."),
    "inside": lambda: under("model.module."),
}


@pytest.mark.parametrize("new", [True, False], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("content", PLACES.values(), ids=PLACES.keys())
def test_the_tensors_are_found_wherever_they_lie(
    content: Callable[[], Any], new: bool, file: Path
) -> None:
    made = content()
    if not new and any(kind in repr(made) for kind in ("Namespace", "Path", "defaultdict")):
        pytest.skip("torch names the objects in a zip alone")
    torch.save(made, file, _use_new_zipfile_serialization=new)
    assert is_theirs(ck.import_weights(file), weights())
    for model in (Net(), Wrapped()):
        ck.import_weights(file, model)
        bare = {name.removeprefix("net."): value for name, value in model.state_dict().items()}
        assert is_theirs(bare, weights())
        assert not model.training


def test_a_prefix_of_the_networks_own_stays(file: Path) -> None:
    torch.save({"model_state_dict": Wrapped().state_dict()}, file)
    Wrapped().load_state_dict(ck.import_weights(file))
    model = Wrapped()
    assert ck.import_weights(file, model).keys() == model.state_dict().keys()


@pytest.mark.parametrize("prefix", ["model.", "backbone.", "student.net.", "features.module."])
def test_any_prefix_comes_off_where_a_network_is_given(prefix: str, file: Path) -> None:
    torch.save({"state_dict": {**under(prefix), "loss.weight": torch.ones(10)}}, file)
    for model in (Net(), nn.DataParallel(Net())):
        ck.import_weights(file, model, leave="loss.*")
        assert is_theirs(
            {name.removeprefix("module."): v for name, v in model.state_dict().items()}, weights()
        )


def test_an_average_of_torchs_is_read(file: Path) -> None:
    net = Net()
    torch.save(AveragedModel(net).state_dict(), file)
    assert is_theirs(ck.import_weights(file), net.state_dict())


def test_a_safetensors_file_is_read(tmp_path: Path, tiny: ck.Splits) -> None:
    save_file(under("model."), tmp_path / "model.safetensors")
    model = Net()
    ck.import_weights(tmp_path / "model.safetensors", model)
    assert is_theirs(model.state_dict(), weights())
    run = ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "run")
    found = ck.import_weights(run.folder / "weights.safetensors")  # type: ignore[operator]
    assert is_theirs(found, run.model.state_dict())


def test_the_versions_of_layers_come_along(file: Path) -> None:
    theirs = torchvision.models.mnasnet0_5(num_classes=10)  # asks for its version
    torch.save(nn.DataParallel(theirs).state_dict(), file)
    torchvision.models.mnasnet0_5(num_classes=10).load_state_dict(ck.import_weights(file))
    torch.save(dict(theirs.state_dict()), file)
    ck.import_weights(file, torchvision.models.mnasnet0_5(num_classes=10))


def test_weights_of_half_precision_and_of_old_torch_fit_as_torch_has_it(file: Path) -> None:
    old = {n: v for n, v in weights().items() if "num_batches" not in n}
    torch.save({name: value.half() for name, value in old.items()}, file)
    ours, theirs = Net(), Net()
    ck.import_weights(file, ours)
    theirs.load_state_dict(torch.load(file))
    assert is_theirs(ours.state_dict(), theirs.state_dict())


def test_a_lazy_network_takes_its_shapes_from_the_weights(file: Path) -> None:
    theirs, ours = Lazy(), Lazy()
    theirs(torch.rand(1, 3, 32, 32))
    torch.save(theirs.state_dict(), file)
    ck.import_weights(file, ours)
    assert torch.equal(ours.fc.weight, theirs.fc.weight)


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_the_older_names_of_weight_norm_are_taken_as_torch_takes_them(file: Path) -> None:
    torch.manual_seed(0)
    theirs, ours = (nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)) for _ in range(2))
    nn.utils.weight_norm(theirs[0])
    nn.utils.parametrizations.weight_norm(ours[0])
    torch.save({f"module.{name}": value for name, value in theirs.state_dict().items()}, file)
    ck.import_weights(file, ours)
    assert torch.equal(ours(torch.ones(1, 4)), theirs(torch.ones(1, 4)))


def test_a_length_that_looks_like_a_pickle_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes((0x80).to_bytes(8, "little") + b'{"a":1}')
    with pytest.raises(ck.CheckpointError, match="is not a whole safetensors file"):
        ck.load_weights(Net(), file)


@pytest.mark.parametrize("key", ["netG", "netD"])
def test_of_several_sets_a_key_chooses(key: str, file: Path) -> None:
    torch.save({"netG": weights(), "netD": {n: v + 1 for n, v in weights().items()}}, file)
    wanted = {n: v + (key == "netD") for n, v in weights().items()}
    assert is_theirs(ck.import_weights(file, key=key), wanted)
    with pytest.raises(ck.CheckpointError, match=r"'netG', 'netD'; choose one: .*key='netG'\)"):
        ck.import_weights(file)
    with pytest.raises(ck.CheckpointError, match="no weights under 'netX'; keys are 'netG', 'netD"):
        ck.import_weights(file, key="netX")


def test_a_key_chooses_the_average_beside_the_usual_set(file: Path) -> None:
    average = {n: v + 1 for n, v in weights().items()}
    torch.save({"run": {"state_dict": weights(), "ema": {"module": average}}}, file)
    assert is_theirs(ck.import_weights(file), weights())
    for key in ("run.ema", "run.ema.module"):
        assert is_theirs(ck.import_weights(file, key=key), average)
    assert is_theirs(ck.import_weights(file, key="run"), weights())


def test_another_head_is_named_and_can_be_left(file: Path) -> None:
    torch.save(weights(), file)
    model = Net(classes=3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ck.CheckpointError) as error:
        ck.import_weights(file, model)
    for part in ("leave=['fc.*']", "fc.weight is float32 (10, 4)", "network has float32 (3, 4)"):
        assert part in str(error.value)
    assert "conv" not in str(error.value)
    assert is_theirs(model.state_dict(), before)
    ck.import_weights(file, model, leave=["fc.*"])
    assert torch.equal(model.fc.weight, before["fc.weight"])
    assert torch.equal(model.conv.weight, weights()["conv.weight"])
    assert "fc.weight" not in ck.import_weights(file, leave="fc.*")


@pytest.mark.parametrize(
    ("leave", "words"),
    [
        (["head.*"], "'head.*' fits no tensor; near are 'fc.*'"),
        ("fc", "'fc' fits no tensor; near are 'fc.*'"),
        (["fc.*", "FC.*"], "'FC.*' fits no tensor; near are 'fc.*'"),
        ("*", "leaves out every tensor"),
        (3, "leave is a pattern such as 'fc.*', or several, found 3"),
    ],
)
def test_a_pattern_that_leaves_nothing_or_all_is_refused(
    leave: Any, words: str, file: Path
) -> None:
    torch.save(weights(), file)
    for model in (None, Net()):
        with pytest.raises(ck.CheckpointError, match="leave") as error:
            ck.import_weights(file, model, leave=leave)
        assert words in str(error.value)


def test_another_networks_weights_are_refused_by_name(file: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 2)).state_dict(), file)
    with pytest.raises(ck.CheckpointError, match="another network's") as error:
        ck.import_weights(file, Net())
    assert "missing: conv.weight" in str(error.value)
    assert "extra: 0.weight" in str(error.value)


@pytest.mark.parametrize("how", ["meta", "sparse", "complex"])
def test_tensors_that_cannot_go_in_leave_the_network_as_it_was(how: str, file: Path) -> None:
    theirs = weights()
    theirs["fc.weight"] = {
        "meta": theirs["fc.weight"].to("meta"),
        "sparse": theirs["fc.weight"].to_sparse(),
        "complex": theirs["fc.weight"].to(torch.complex64),
    }[how]
    torch.save(theirs, file)
    model = Net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ck.CheckpointError, match=rf"fc\.weight.*{how}"):
        ck.import_weights(file, model)
    assert is_theirs(model.state_dict(), before)


def test_the_advice_names_the_fewest_patterns(file: Path) -> None:
    torch.save({**under("encoder."), **under("momentum."), "queue": torch.rand(3)}, file)
    with pytest.raises(ck.CheckpointError, match=r"leave=\['momentum\.\*', 'queue'\]"):
        ck.import_weights(file, Net())
    ck.import_weights(file, Net(), leave=["momentum.*", "queue"])


def test_a_layer_before_the_network_keeps_its_own(file: Path) -> None:
    torch.save(weights(), file)
    model = nn.Sequential(nn.BatchNorm2d(3), Net())
    with pytest.raises(ck.CheckpointError, match=r"leave=\['0\.\*'\]"):
        ck.import_weights(file, model)
    ck.import_weights(file, model, leave="0.*")
    assert is_theirs(model[1].state_dict(), weights())


def zipped(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"1")

    return write


def saved(content: Callable[[], Any]) -> Callable[[Path], None]:
    return lambda path: torch.save(content(), path)


def holding(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


REFUSALS: dict[str, tuple[str, Callable[[Path], None], tuple[str, ...]]] = {
    "whole network": ("a.pth", saved(Net), ("Net", "Unsupported global", "model.state_dict()")),
    "network in a dict": (
        "a.pth",
        saved(lambda: {"model": Net(), "epoch": 3}),
        ("'model' (an object of", "'epoch' (int)", "model.state_dict()"),
    ),
    "whole network, old": (
        "a.pth",
        lambda path: torch.save(Net(), path, _use_new_zipfile_serialization=False),
        ("Net was not an allowed global", "model.state_dict()"),
    ),
    "own dict": ("a.pth", saved(lambda: Settings(a=1)), ("Settings", "model.state_dict()")),
    "optimiser": ("a.pth", saved(adam), ("'state' (dict), 'param_groups' (list)",)),
    "optimiser by name": (
        "a.pth",
        saved(lambda: {"state": {"fc": {"exp_avg": torch.ones(3), "step": torch.tensor(1.0)}}}),
        ("'state' (dict)",),
    ),
    "state of a generator": ("a.pth", saved(lambda: {"rng": torch.get_rng_state()}), ("'rng'",)),
    "optimiser inside": ("a.pth", saved(lambda: {"optimizer": adam()}), ("'optimizer' (dict)",)),
    "recorded numbers": ("a.pth", saved(lambda: {"loss": torch.tensor(1.0)}), ("'loss' (Tensor)",)),
    "NumPy arrays": (
        "a.pth",
        saved(lambda: {name: value.numpy() for name, value in weights().items()}),
        ("'fc.weight' (ndarray)", "torch.from_numpy(a)"),
    ),
    "whole numbers": (
        "a.pth",
        saved(lambda: {name: value.int() for name, value in weights().items()}),
        ("'fc.weight' (Tensor)", "in floats: torch.save"),
    ),
    "harmful": ("a.pth", saved(lambda: {"net": weights(), "x": Harmful()}), ("is blocked",)),
    "list": ("a.pth", saved(lambda: list(weights().values())), ("found list",)),
    "pickle": (
        "a.pkl",
        holding(pickle.dumps(weights())),
        ("cannot be imported", "Unsupported operand", "torch.save"),
    ),
    "TorchScript": ("a.pt", zipped("a/data.pkl", "a/constants.pkl"), ("TorchScript", "jit.load")),
    "torch.export": ("a.pt2", zipped("a/archive_format"), ("torch.export.load",)),
    "npz": ("a.npz", lambda path: np.savez(path, a=np.ones(1)), ("NumPy", "torch.from_numpy")),
    "npy": ("a.npy", lambda path: np.save(path, np.ones(1)), ("NumPy", "torch.from_numpy")),
    "Keras 3": ("a.keras", zipped("config.json", "model.weights.h5"), ("file of Keras",)),
    "Keras 2": ("a.h5", holding(b"\x89HDF\r\n\x1a\n" + b"\0" * 99), ("HDF5", "Keras")),
    "ONNX": ("a.onnx", holding(b"\x08\x07\x12\x07pytorch"), ("ONNX", "model.state_dict()")),
    "TensorFlow": ("saved_model.pb", holding(b"\x08\x01"), ("TensorFlow",)),
    "web page": ("a.pth", holding(b"\n<!DOCTYPE html>"), ("web page", "download it again")),
    "Git LFS": ("a.pth", holding(b"version https://git-lfs.github.com/spec/v1"), ("lfs pull",)),
    "gzip": ("a.pth.gz", holding(b"\x1f\x8b" + b"\0" * 99), ("unpack it first",)),
    "zip": ("a.zip", zipped("weights.pth"), ("unpack it",)),
    "folder": ("a", Path.mkdir, ("a folder", "ck.load_weights(model, folder)")),
    "nothing": ("a.pth", lambda path: None, ("there are no weights", "check the path")),
    "empty": ("a.pth", holding(b""), ("cannot be imported",)),
    "half a safetensors": (
        "a.safetensors",
        holding((10**6).to_bytes(8, "little") + b'{"a":1}'),
        ("not a whole safetensors file",),
    ),
}


@pytest.mark.parametrize(("name", "write", "words"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_holds_no_weights_is_refused_by_what_it_is(
    name: str, write: Callable[[Path], None], words: tuple[str, ...], tmp_path: Path
) -> None:
    write(tmp_path / name)
    with pytest.raises(ck.CheckpointError) as error:
        ck.import_weights(tmp_path / name)
    for part in words:
        assert part in str(error.value)
    assert "weights_only" not in str(error.value)  # torch's advice, to trust the file


@pytest.mark.parametrize("first", [nn.Linear(1, 1), {}, None, 3])
def test_what_is_no_path_is_refused(first: Any) -> None:
    with pytest.raises(ck.CheckpointError, match=r"ck.import_weights\(path, model\)"):
        ck.import_weights(first)


def test_an_address_is_to_be_downloaded() -> None:
    with pytest.raises(ck.CheckpointError, match="download it first"):
        ck.import_weights("https://example.org/weights.pth")


def test_a_checkpoint_of_cifarkits_is_not_taken_for_weights(
    tiny: ck.Splits, tmp_path: Path
) -> None:
    ck.train("linear", tiny, epochs=1, run_dir=tmp_path / "run")
    (checkpoint,) = (tmp_path / "run").glob("checkpoint*.safetensors")
    with pytest.raises(ck.CheckpointError, match=r"ck.load_weights\(model, "):
        ck.import_weights(checkpoint)


def touch(path: Path) -> None:
    path.touch()


class Gadget:
    """Pickled, it makes a file when it is read."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return touch, (self.canary,)


class Stateful:
    """Its class would run code as its state is set, if it were looked up."""

    ran = False

    def __setstate__(self, state: Any) -> None:
        type(self).ran = True


def test_objects_beside_the_weights_run_no_code(file: Path, tmp_path: Path) -> None:
    stateful = Stateful()
    stateful.__dict__["a"] = 1
    torch.save({"net": weights(), "a": Gadget(tmp_path / "canary"), "b": stateful}, file)
    assert is_theirs(ck.import_weights(file), weights())
    assert not (tmp_path / "canary").exists()
    assert not Stateful.ran
    torch.load(file, weights_only=False)  # the negative control
    assert (tmp_path / "canary").exists()
    assert Stateful.ran


def test_what_the_user_allowed_torch_to_read_stays_allowed(file: Path) -> None:
    torch.save({"net": weights(), "acc": np.float64(1)}, file)
    with torch.serialization.safe_globals([np.dtype]):
        before = torch.serialization.get_safe_globals()
        ck.import_weights(file)
        assert set(torch.serialization.get_safe_globals()) == set(before)


def test_a_mapping_that_holds_itself_is_searched_once(file: Path) -> None:
    ring: dict[str, Any] = {"deep": {"net": weights()}}
    ring |= {f"again{number}": ring for number in range(50)}
    torch.save(ring, file)
    assert is_theirs(ck.import_weights(file), weights())
