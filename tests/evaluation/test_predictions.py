from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import cifarkit as ck

CLASSES = tuple(f"class {label}" for label in range(10))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    with ck.seeded("weights", 0):
        return ck.create_model("linear")


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (4, 3, 32, 32), generator=generator).to(torch.uint8)


def last_channel(pictures: Tensor) -> np.ndarray[Any, Any]:
    return pictures.permute(0, 2, 3, 1).numpy()


LAYOUTS: dict[str, Callable[[Tensor], Any]] = {
    "image set": lambda p: ck.ImageSet(p, torch.zeros(len(p), dtype=torch.int64), CLASSES),
    "uint8 tensor": lambda p: p,
    "int64 tensor": lambda p: p.long(),
    "uint8 array": lambda p: p.numpy(),
    "channels last": last_channel,
    "channels last tensor": lambda p: p.permute(0, 2, 3, 1),
    "contiguous channels last": lambda p: np.ascontiguousarray(last_channel(p)),
    "big-endian": lambda p: p.numpy().astype(">i4"),
    "nested lists": lambda p: p.tolist(),
    "list of arrays": lambda p: list(p.numpy()),
    "float tensor": ck.to_floats,
    "double tensor": lambda p: ck.to_floats(p).double(),
    "float tensor with a gradient": lambda p: ck.to_floats(p).requires_grad_(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pictures_in_any_layout_give_the_same_bits(
    model: nn.Module, pictures: Tensor, layout: str
) -> None:
    with torch.no_grad():
        by_hand = torch.softmax(model(ck.to_floats(pictures)), dim=1).numpy()
    predictions = ck.predict(model, LAYOUTS[layout](pictures))
    assert np.array_equal(predictions.probabilities, by_hand)
    assert predictions.probabilities.dtype == np.float32


def test_a_read_only_array_is_taken_and_left_alone(model: nn.Module, pictures: Tensor) -> None:
    array = pictures.numpy().copy()
    array.setflags(write=False)
    before = array.copy()
    assert len(ck.predict(model, array)) == 4
    assert np.array_equal(array, before)


@pytest.fixture
def files(tmp_path: Path, pictures: Tensor) -> list[Path]:
    paths = []
    for number, array in enumerate(last_channel(pictures)):
        paths.append(tmp_path / f"{number} pictüre.png")
        Image.fromarray(np.ascontiguousarray(array)).save(paths[-1])
    return paths


@pytest.mark.parametrize(
    "given",
    [
        lambda files: files,
        lambda files: [str(path) for path in files],
        tuple,
        iter,
        lambda files: [str(files[0]), *files[1:]],
    ],
)
def test_paths_give_what_their_pixels_give(
    model: nn.Module, pictures: Tensor, files: list[Path], given: Any
) -> None:
    expected = ck.predict(model, pictures).probabilities
    assert np.array_equal(ck.predict(model, given(files)).probabilities, expected)


def test_one_path_is_one_picture(model: nn.Module, pictures: Tensor, files: list[Path]) -> None:
    expected = ck.predict(model, pictures[:1]).probabilities
    for path in (files[0], str(files[0])):
        assert np.array_equal(ck.predict(model, path).probabilities, expected)


def test_the_files_of_a_pattern_are_taken(model: nn.Module, files: list[Path]) -> None:
    assert len(ck.predict(model, files[0].parent.glob("*.png"))) == 4


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "LA", "YCbCr"])
def test_files_of_any_mode_and_size_stand_in_one_list(
    model: nn.Module, tmp_path: Path, files: list[Path], mode: str
) -> None:
    path = tmp_path / ("odd.tif" if mode in ("CMYK", "YCbCr", "I;16") else "odd.png")
    # Pillow writes and reads packed YCbCr only since 12.1.
    packing = {"compression": "tiff_lzw"} if mode == "YCbCr" else {}
    Image.new(mode, (57, 40)).save(path, **packing)
    predictions = ck.predict(model, [path, *files])
    assert len(predictions) == 5
    black = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    if mode in ("1", "L", "RGB", "I;16"):
        expected = ck.predict(model, black).probabilities
        np.testing.assert_allclose(predictions.probabilities[:1], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "nothing",
    [
        [],
        (),
        iter([]),
        torch.zeros(0, 3, 32, 32, dtype=torch.uint8),
        torch.zeros(0, 3, 32, 32),
        np.zeros((0, 32, 32, 3), np.uint8),
    ],
    ids=range(6),
)
def test_no_images_are_refused(model: nn.Module, nothing: Any) -> None:
    with pytest.raises(ck.DataError, match="nothing to predict"):
        ck.predict(model, nothing)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 32, 32, dtype=torch.uint8), "n 3 32 32"),
        (torch.full((3, 32, 32), -1.0), r"found 3 32 32; pass x\[None\] for one picture"),
        (torch.zeros(1, 3, 32, 32), r"fractions from 0 to 0.*value_range=\(0, 1\)"),
        (torch.zeros(1, 3, 2, 2, dtype=torch.uint8), "found 1 3 2 2"),
        (torch.full((1, 3, 32, 32), 1.5), r"fractions 0 to 1 or -1 to 1, found float32 1.5"),
        (torch.full((1, 3, 32, 32), 255.5), "found float32 255.5"),
        (torch.full((1, 3, 32, 32), torch.nan), "NaN or infinite"),
        (torch.full((1, 3, 32, 32), 256), "0 to 255"),
        (np.full((1, 3, 32, 32), -1), "0 to 255"),
        (np.zeros((1, 3, 32, 32)), "fractions from 0 to 0"),
        (np.zeros((1, 3, 32, 32), bool), "found bool"),
        (None, "images is not an array: found NoneType"),
        (3, "images must"),
        ({"a": 1}, "it is a dict"),
        ([[1, 2], [3]], "images is not an array"),
        ("no/such/file.png", "there is no picture file 'no/such/file.png'"),
        (["no/such/file.png", "other.png"], "there is no picture file"),
        (".", r"'\.' cannot be read"),
        ("", "there is no picture file ''"),
    ],
    ids=range(19),
)
def test_what_are_no_pictures_is_refused(model: nn.Module, images: Any, message: str) -> None:
    with pytest.raises(ck.DataError, match=message):
        ck.predict(model, images)


def test_names_are_the_sets_or_given_or_numbers(model: nn.Module, pictures: Tensor) -> None:
    image_set = LAYOUTS["image set"](pictures)
    names = [f"own {label}" for label in range(10)]
    assert ck.predict(model, image_set).classes == CLASSES
    assert ck.predict(model, image_set, classes=names).classes == tuple(names)
    assert ck.predict(model, pictures).classes == tuple("0123456789")


@pytest.mark.parametrize("names", [["cat"], [], [str(number) for number in range(11)]])
def test_too_few_or_too_many_names_are_refused(
    model: nn.Module, pictures: Tensor, names: list[str]
) -> None:
    with pytest.raises(ck.DataError, match=f"10 classes, but {len(names)} names were given"):
        ck.predict(model, pictures, classes=names)


def test_one_word_is_no_list_of_names(model: nn.Module, pictures: Tensor) -> None:
    with pytest.raises(ck.DataError, match="found the one name 'abcdefghij'"):
        ck.predict(model, pictures, classes="abcdefghij")


def test_a_set_of_other_classes_than_the_networks_is_refused(model: nn.Module) -> None:
    three = ck.ImageSet(
        torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.tensor([0]), ("a", "b", "c")
    )
    with pytest.raises(ck.DataError, match="10 classes, but 3 names"):
        ck.predict(model, three)


@pytest.mark.parametrize("wrong", ["linear", None, nn.Linear])
def test_what_is_no_network_is_refused(pictures: Tensor, wrong: Any) -> None:
    with pytest.raises(ck.ModelContractError, match=r"the model must be an nn.Module, found"):
        ck.predict(wrong, pictures)


def test_a_network_that_gives_no_logits_is_refused(pictures: Tensor) -> None:
    with pytest.raises(ck.ModelContractError, match="found 4 3 32 32 for a batch of 4"):
        ck.predict(nn.Identity(), pictures)


def test_the_network_is_left_as_it_was(pictures: Tensor) -> None:
    model = ck.create_model("batchnorm")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    ck.predict(model, pictures)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)


def test_predicting_is_evaluating_without_labels(model: nn.Module, tiny: ck.Splits) -> None:
    evaluation, predictions = ck.evaluate(model, tiny.test), ck.predict(model, tiny.test)
    assert np.array_equal(predictions.labels, evaluation.predicted)
    assert np.array_equal(predictions.probabilities, evaluation.probabilities)


def test_another_order_of_the_images_permutes_the_predictions(
    model: nn.Module, tiny: ck.Splits, generator: torch.Generator
) -> None:
    order = torch.randperm(len(tiny.test), generator=generator)
    plain, shuffled = ck.predict(model, tiny.test), ck.predict(model, tiny.test.subset(order))
    np.testing.assert_allclose(
        shuffled.probabilities, plain.probabilities[order.numpy()], rtol=1e-5, atol=1e-7
    )
    assert shuffled.names == [plain.names[index] for index in order.tolist()]
    assert shuffled.names != plain.names


def test_rows_sum_to_one_also_for_logits_as_large_as_they_come(pictures: Tensor) -> None:
    class Loud(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return (images.flatten(1)[:, :10] * 1e38).masked_fill(images[:, 0, 0, :10] > 0.9, -1e4)

    predictions = ck.predict(Loud(), pictures)
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_names_confidences_and_text_follow_from_the_probabilities() -> None:
    predictions = ck.Predictions(np.array([[0.9, 0.1], [0.5, 0.5]], np.float32), ("cat", "dog"))
    assert predictions.names == ["cat", "cat"]  # of equals, the first
    assert predictions.confidences.tolist() == pytest.approx([0.9, 0.5])
    assert predictions.labels.tolist() == [0, 0]
    assert str(predictions) == "cat 90 %\ncat 50 %"
    assert repr(predictions) == "Predictions(2 pictures, 2 classes)"


def test_predictions_are_a_sequence_of_one_for_each_picture() -> None:
    predictions = ck.Predictions(np.array([[0.75, 0.25], [0.5, 0.5]], np.float32), ("cat", "dog"))
    assert list(predictions) == [("cat", 0.75), ("cat", 0.5)]
    assert predictions[-1] == predictions[np.int64(1)] == ck.Prediction("cat", 0.5)
    assert predictions[1:].probabilities.tolist() == [[0.5, 0.5]]
    assert ("cat", 0.5) in predictions
    with pytest.raises(IndexError):
        predictions[2]
