"""A network as an ONNX file: onnxruntime gives its logits, or there is no file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit import extras
from cifarkit.data.image_set import to_floats
from cifarkit.data.sources import load_data
from cifarkit.evaluation.inference import compute_logits
from cifarkit.models.contract import layout_of
from cifarkit.models.layout import choose_layout
from cifarkit.runs.onnx_file import _compared

SIZES = "synthetic:n_train=200,n_test=130,val_size=20"


@pytest.fixture(scope="module")
def test_set() -> ck.ImageSet:
    return load_data(SIZES).test


@pytest.fixture
def onnxruntime() -> Any:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    return pytest.importorskip("onnxruntime")


def answers(onnxruntime: Any, file: Path, images: Tensor) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": images.numpy()})
    return np.asarray(logits)


@pytest.mark.parametrize("name", ck.list_models())
def test_every_model_is_written_and_gives_the_same_logits(
    name: str, onnxruntime: Any, test_set: ck.ImageSet, tmp_path: Path
) -> None:
    network = ck.create_model(name)
    parity = ck.export_onnx(network, tmp_path / "model.onnx", test_set)
    logits = compute_logits(network, test_set.images).numpy()
    scale = logits.std(axis=0).mean()  # of what the network says about pictures
    assert (parity.images, parity.agreement) == (130, 1.0)
    assert parity.largest_difference < 1e-3 * scale
    for n in (1, 7):
        theirs = answers(onnxruntime, parity.path, to_floats(test_set.images[:n]))
        np.testing.assert_allclose(theirs, logits[:n], atol=1e-3 * scale)
    other_pictures = answers(onnxruntime, parity.path, to_floats(test_set.images[7:14]))
    assert np.abs(other_pictures - logits[:7]).max() > 0.1 * scale


def test_the_file_says_what_it_takes_and_gives(onnxruntime: Any, tmp_path: Path) -> None:
    import onnx

    run = ck.train("mlp", load_data(SIZES), epochs=1)
    parity = ck.export_onnx(run, tmp_path / "model.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.onnx.json"]
    model = onnx.load(parity.path)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import if not o.domain] == [
        ("", parity.opset)
    ]
    session = onnxruntime.InferenceSession(str(parity.path))
    (takes,), (gives,) = session.get_inputs(), session.get_outputs()
    assert (takes.name, takes.type, takes.shape) == (
        *("images", "tensor(float)"),
        ["batch", 3, 32, 32],
    )
    assert (gives.name, gives.type, gives.shape) == ("logits", "tensor(float)", ["batch", 10])
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == list(run.classes)
    report = json.loads((tmp_path / "model.onnx.json").read_text())
    assert report["classes"] == list(run.classes)
    assert report["largest_difference"] == parity.largest_difference
    assert (report["images"], report["agreement"], report["opset"]) == (130, 1.0, 18)


@pytest.mark.usefixtures("onnxruntime")
def test_the_network_is_left_as_it_was_and_nothing_is_said(
    test_set: ck.ImageSet, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network = ck.create_model("batchnorm").double().train()
    choose_layout(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ck.export_onnx(network, tmp_path / "model.onnx", test_set)
    assert (seen, capfd.readouterr()) == ([], ("", ""))
    assert network.training
    assert layout_of(network) == torch.channels_last
    assert torch.equal(torch.get_rng_state(), state)
    after = network.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


class Guessing(nn.Module):
    """Adds what chance says, as dropout does that was never turned off."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :10] + torch.rand_like(images.flatten(1)[:, :10])


class Deciding(nn.Module):
    """Chooses by the numbers of the batch what to do."""

    def forward(self, images: Tensor) -> Tensor:
        logits = images.flatten(1)[:, :10]
        return logits if logits.sum() > 0 else -logits


class Centring(nn.Module):
    """Subtracts the mean of the batch."""

    def forward(self, images: Tensor) -> Tensor:
        logits = images.flatten(1)[:, :10]
        return logits - logits.mean(0)


@pytest.mark.usefixtures("onnxruntime")
@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Guessing(), r"logits differ from the network's by up to \S+, allowed is 0\.0001"),
        (Deciding(), r"the network cannot be written as ONNX: "),
    ],
)
def test_a_network_that_computes_something_else_in_the_file_leaves_none(
    network: nn.Module, message: str, test_set: ck.ImageSet, tmp_path: Path
) -> None:
    with pytest.raises(ck.ExportError, match=message):
        ck.export_onnx(network, tmp_path / "new" / "model.onnx", test_set)
    assert list(tmp_path.iterdir()) == []  # nor is the new folder


@pytest.mark.usefixtures("onnxruntime")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_pictures_find_a_network_that_looks_at_the_batch(
    n: int, test_set: ck.ImageSet, tmp_path: Path
) -> None:
    few = test_set.images[:n]
    with pytest.raises(ck.ExportError, match="depends on the other pictures of a batch"):
        ck.export_onnx(Centring(), tmp_path / "centring.onnx", few)
    plain = ck.export_onnx(ck.create_model("linear"), tmp_path / "linear.onnx", few)  # the control
    assert plain.images >= 3


@pytest.mark.usefixtures("onnxruntime")
def test_a_users_autocast_does_not_reach_the_file(test_set: ck.ImageSet, tmp_path: Path) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        parity = ck.export_onnx(ck.create_model("baseline"), tmp_path / "model.onnx", test_set)
        assert torch.is_autocast_enabled("cpu")
    assert parity.agreement == 1.0


def test_large_logits_may_differ_in_their_last_digits_alone(tmp_path: Path) -> None:
    ours = np.array([[2000.0, -3000.0]], np.float32)
    assert _compared(tmp_path, ours, ours + np.float32(0.002)).agreement == 1.0
    for logits, difference in ((ours, 0.004), (ours / 1000, 0.002), (ours, np.nan)):
        with pytest.raises(ck.ExportError, match="allowed is"):
            _compared(tmp_path, logits, logits + np.float32(difference))


@pytest.mark.parametrize("taken", ["model.onnx", "model.onnx.json"])
def test_no_file_is_overwritten(taken: str, test_set: ck.ImageSet, tmp_path: Path) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(ck.RunFolderError, match="nothing is overwritten"):
        ck.export_onnx(ck.create_model("linear"), tmp_path / "model.onnx", test_set)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_missing_extra_is_named(
    test_set: ck.ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    message = r'onnx and onnxscript and onnxruntime are missing; pip install "cifarkit\[onnx\]"'
    with pytest.raises(ck.InstallError, match=message):
        ck.export_onnx(ck.create_model("linear"), tmp_path / "model.onnx", test_set)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_compared_is_refused(tiny: ck.Splits, tmp_path: Path) -> None:
    network, path = ck.create_model("linear"), tmp_path / "model.onnx"
    images: Any
    for images, classes, message in (
        (None, None, r"give pictures to compare with: ck\.export_onnx\(model, path, data\.test\)"),
        (tiny, None, "pass data.val"),
        ([], None, "no images were given"),
        (tiny.test, ["cat"], "the network knows 10 classes, but 1 names were given"),
        (tiny.test, "cat", "must be a list of names"),
        (tiny.test, [], "the network knows 10 classes, but 0 names were given"),
        (tiny.test, range(10), "must be a list of names, found 0 among them"),
        (tiny.test, ["cat"] * 10, "must be different names, found .'cat', 'cat'"),
    ):
        with pytest.raises(ck.DataError, match=message):
            ck.export_onnx(network, path, images, classes=classes)


@pytest.mark.parametrize("path", [None, 3, "", b"model.onnx", "."])
def test_a_path_that_names_no_file_is_refused(path: Any, test_set: ck.ImageSet) -> None:
    with pytest.raises(ck.RunFolderError, match=r"must name a new file, such as 'model\.onnx'"):
        ck.export_onnx(ck.create_model("linear"), path, test_set)
