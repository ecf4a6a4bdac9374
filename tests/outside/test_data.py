"""Data as people bring it: arrays, folders, files of labels, data sets, transforms."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.utils import data as torch_data
from torchvision.transforms import v2

import cifarkit as ck
from cifarkit.data.pictures import to_rgb_32
from cifarkit.randomness import seeded
from cifarkit.values import from_json

v1 = torchvision.transforms
RESIZED = "pictures were brought to RGB 32 by 32"
DRAWN = "has no test set"
PIXELS = np.random.default_rng(0).integers(0, 256, (50, 3, 32, 32), dtype=np.uint8)
LABELS = np.arange(50) % 5
Array = np.ndarray[Any, Any]


def arrays(change: Callable[[Array], Any], labels: Any = LABELS, pixels: Array = PIXELS) -> Any:
    return ck.load_arrays(change(pixels[:40]), labels[:40], change(pixels[40:]), labels[40:])


def one_by_one(pictures: Array) -> Tensor:
    """Bring each picture to RGB 32 by 32 as its file would be."""
    return torch.stack([to_rgb_32(Image.fromarray(picture)) for picture in pictures])


# Arrays


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.transpose(0, 2, 3, 1),
        lambda x: x.transpose(2, 3, 1, 0),  # as MATLAB keeps them
        lambda x: x / 255,
        lambda x: (x / 255).astype(np.float16),
        lambda x: x.astype(np.float32),
        lambda x: torch.from_numpy(x) / 255,
        lambda x: ck.to_floats(torch.from_numpy(x)),
        lambda x: [torch.from_numpy(picture) for picture in x],
        lambda x: [Image.fromarray(picture.transpose(1, 2, 0)) for picture in x],
        lambda x: np.concatenate([x, np.full_like(x[:, :1], 255)], axis=1),  # RGBA, seen as it is
        lambda x: [  # side by side
            Image.fromarray(p.transpose(1, 2, 0)) if i % 2 else p for i, p in enumerate(x)
        ],
        lambda x: [p.astype(int) if i % 2 else p / 255 for i, p in enumerate(x)],
        lambda x: torch.tensor(x / 255, requires_grad=True),
        lambda x: torch.from_numpy(x).to_sparse(),
        lambda x: pd.Series(list(x)),
        lambda x: np.ma.masked_array(x),  # nothing is masked
    ],
    ids=range(16),
)
def test_pictures_with_one_meaning_are_taken(change: Callable[[Array], Any]) -> None:
    assert quietly(lambda: arrays(change)).fingerprint == arrays(lambda x: x).fingerprint


def quietly(load: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load()


def test_rows_of_numbers_are_planes_as_in_cifars_files() -> None:
    splits = arrays(lambda x: x.reshape(len(x), -1))  # and nothing is to be said of them
    assert splits.fingerprint == arrays(lambda x: x).fingerprint
    with pytest.warns(ck.CifarkitWarning, match="red before green before blue"):
        arrays(lambda x: x[:, :, :16, :16].reshape(len(x), -1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x[:, 0], ": grey as three equal channels; they were 32 by 32, grey"),
        (lambda x: x[:, 0].reshape(len(x), -1), ": grey .* channels; they were rows of 1,024"),
        (lambda x: x[..., :20], r": the central square, resized \(bicubic\); they were 20 by 32"),
        (lambda x: x[..., :20, :20], r": resized \(bicubic\); they were 20 by 20"),
        (lambda x: x[:, [0, 1, 2, 0]], ": transparent pixels over white; they were 32 by 32, RGBA"),
    ],
    ids=range(5),
)
def test_only_what_was_done_is_said(change: Callable[[Array], Any], said: str) -> None:
    with pytest.warns(ck.CifarkitWarning, match=said):
        arrays(change)


def test_black_and_white_are_the_same_in_all_parts() -> None:
    dim = PIXELS / 127.5 - 1
    bright = np.clip(dim, 0, 1)
    splits = ck.load_arrays(dim[:40], LABELS[:40], bright[40:], LABELS[40:])
    again = ck.load_dataset(
        list(zip(dim[:40], LABELS[:40], strict=True)),
        list(zip(bright[40:], LABELS[40:], strict=True)),
    )
    assert splits.fingerprint == again.fingerprint
    assert splits.test.images.min() == 128  # 0 is grey, for train has -1


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype(np.int32),
        lambda x: x.astype(np.int32) * 257,
        lambda x: x.astype(np.uint16),
        lambda x: x.astype(np.uint16) * 257,
    ],
    ids=range(4),
)
def test_deep_grey_of_pillows_is_scaled_by_what_it_holds(change: Callable[[Array], Any]) -> None:
    found = [
        quietly(lambda x=x: arrays(lambda part: [Image.fromarray(p) for p in part], pixels=x))
        for x in (PIXELS[:, 0], change(PIXELS[:, 0]))
    ]
    assert found[0].fingerprint == found[1].fingerprint


@pytest.mark.filterwarnings("ignore:.*quantize:UserWarning")
@pytest.mark.parametrize(
    "keep",
    [
        lambda x: x.to(torch.float8_e4m3fn),
        lambda x: torch.quantize_per_tensor(x, 1 / 255, 0, torch.quint8),
    ],
    ids=["float8", "quantised"],
)
def test_floats_that_numpy_has_not_are_taken(keep: Callable[[Tensor], Any]) -> None:
    fractions = (PIXELS > 127).astype(np.float32)
    expected = arrays(lambda x: x, pixels=fractions).fingerprint
    assert arrays(lambda x: keep(torch.from_numpy(x)), pixels=fractions).fingerprint == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: x[:, None],
        lambda x: x[..., None],
        lambda x: x / 255,
        lambda x: pd.DataFrame(x.reshape(len(x), -1)),
        lambda x: x.transpose(1, 2, 0),  # as MATLAB keeps them
    ],
    ids=range(6),
)
def test_grey_pictures_come_out_as_their_files_would(change: Callable[[Array], Any]) -> None:
    grey = PIXELS[:, 0, :28, :28]
    with pytest.warns(ck.CifarkitWarning, match=RESIZED) as said:
        splits = arrays(change, pixels=grey)
    assert len(said) == 1
    assert torch.equal(splits.test.images, one_by_one(np.ascontiguousarray(grey[40:])))


@pytest.mark.parametrize("size", [(64, 64), (96, 72), (20, 33)])
def test_pictures_of_other_sizes_come_out_as_their_files_would(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (50, *size, 3), dtype=np.uint8)
    with pytest.warns(ck.CifarkitWarning, match=f"they were {size[1]} by {size[0]}$"):
        splits = arrays(lambda x: x, pixels=pixels)
    assert torch.equal(splits.test.images, one_by_one(pixels[40:]))


@pytest.mark.parametrize(
    "labels",
    [
        LABELS[:, None],
        np.eye(5)[LABELS],
        np.eye(5, dtype=bool)[LABELS],
        LABELS.astype(np.float64),
        pd.Series(LABELS),
        pd.DataFrame({"y": LABELS}),
        torch.from_numpy(LABELS),
        [str(label) for label in LABELS],
        pd.Series([str(label) for label in LABELS]),
        [torch.tensor(label) for label in LABELS],
        LABELS.astype(object),
        [str(label).encode() for label in LABELS],  # as HDF5 keeps text
        np.array([str(label) for label in LABELS], dtype=np.bytes_),
        pd.Series(LABELS, dtype="Int64"),
        pd.get_dummies([str(label) for label in LABELS]),
    ],
    ids=range(15),
)
def test_labels_with_one_meaning_are_taken(labels: Any) -> None:
    splits = arrays(lambda x: x, labels)
    assert splits.classes == ("0", "1", "2", "3", "4")
    assert splits.fingerprint == arrays(lambda x: x).fingerprint


def with_label(label: Any, index: int = 7) -> list[Any]:
    return [label if place == index else int(own) for place, own in enumerate(LABELS)]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (LABELS - 1, "y_train has the label -1.*y >= 0"),
        (np.r_[LABELS[:40] % 3, LABELS[:10]], "y_test has the label 4, and y_train has none above"),
        (with_label(None), "y_train has no label for 1 pictures, the first is picture 7"),
        (with_label(np.nan), "no label for 1 pictures, the first is picture 7"),
        (with_label(np.inf), "no label for 1 pictures, the first is picture 7"),
        (pd.Series(with_label(pd.NA), dtype="Int64"), "no label for 1 pictures"),
        ([np.nan if label == 2 else "cat" for label in LABELS], "no label for 8 pictures"),
        (["" if label == 2 else "cat" for label in LABELS], "no label for 8 pictures"),
        (["nan" if label == 2 else "cat" for label in LABELS], "no label for 8 pictures"),
        (with_label("cat"), "found int and str; .str"),
        (with_label(0.5), r"y.round\(\)"),
        (np.ma.masked_equal(LABELS, 2), "y_train has 8 masked numbers"),
        (LABELS * 0, "all labels of y_train are '0'"),
        ([str(n) for n in LABELS[:40]] + LABELS[40:].tolist(), "y_train has names and y_test has"),
        (PIXELS, "the order is x_train, y_train, x_test, y_test"),
        (b"\xff", "it is bytes"),
        ([b"\xff"] * 50, "not UTF-8"),
    ],
    ids=range(17),
)
def test_labels_that_are_missing_or_of_no_class_are_refused(labels: Any, said: str) -> None:
    with pytest.raises(ck.DataError, match=said):
        arrays(lambda x: x, labels)


@pytest.mark.parametrize("labels", [LABELS * 5, np.eye(21, dtype=int)[LABELS * 5]])
def test_classes_without_a_picture_are_told_of_unless_they_are_named(labels: Array) -> None:
    with pytest.warns(ck.CifarkitWarning, match="no picture of 16 of the 21 classes: 1, 2, 3"):
        splits = arrays(lambda x: x, labels)
    assert len(splits.classes) == 21
    names = [f"class {n}" for n in range(21)]
    ck.load_arrays(PIXELS[:40], labels[:40], PIXELS[40:], labels[40:], classes=names)
    assert arrays(lambda x: x, (LABELS * 5).astype(str)).classes == ("0", "10", "15", "20", "5")


def test_columns_of_one_hot_tables_are_classes_by_their_names() -> None:
    names = np.array(["ant", "cat", "dog"])
    tables = [pd.get_dummies(names[[0, 1, 2, 1]]), pd.get_dummies(names[[2, 0]])]
    splits = ck.load_arrays(PIXELS[:4], tables[0], PIXELS[4:6], tables[1], val_size=0)
    assert splits.classes == ("ant", "cat", "dog")
    assert splits.test.labels.tolist() == [2, 0]


class Closed:
    """Stands for a data set of h5py whose file was closed."""

    shape = (40, 3, 32, 32)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise OSError("the file is closed")


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (np.ma.masked_greater(PIXELS, 250), "masked numbers.*x.filled"),
        ([np.ma.masked_greater(picture, 250) for picture in PIXELS], "masked numbers"),
        (Closed(), "cannot become one .the file is closed"),
        ({"x": PIXELS}, r"a dict; pass one of its values, such as x\['x'\]"),
        ("pictures.npz", "numpy.load"),
        (["a.png", "b.png"], "PIL.Image.open.path"),
        ([(PIXELS[0], 1), (PIXELS[1], 0)], "takes only the pictures"),
        (torch_data.TensorDataset(torch.from_numpy(PIXELS)), "ck.load_dataset"),
        ([PIXELS[0], None], "its items are ndarray 3 32 32 and NoneType"),
        (iter(PIXELS), r"list\(…\)"),
        ([Image.new("RGB", (0, 3))], "has no pixels"),
        (np.where(PIXELS > 9, np.inf, 0), "NaN or infinite"),
        (torch.from_numpy(PIXELS)[None], "joins batches"),
        ((PIXELS > 127).astype(np.uint8), r"found only 0 and 1, .*\(x \* 255\).astype"),
        ((PIXELS > 127).astype(np.int64), r"found only 0 and 1, .*\(x \* 255\).astype"),
        (PIXELS.astype(np.int16) - 128, r"found -128 to 127; \(x.astype\('int16'\) \+ 128\)"),
        (PIXELS * 999.0, r"found float64 0 to 254745; numpy.interp\(x, \(black, white\)"),
        (PIXELS.astype(np.int32) * 999, r"to 254745; numpy.interp\(x, \(black, white\)"),
        ([Image.fromarray(PIXELS[0, 0].astype("i4") - 9)], "whole numbers -9 to 246, but 0 to 255"),
        ([Image.fromarray(PIXELS[0, 0].astype("i4") * 999)], "save it with 8 bits"),
    ],
    ids=range(20),
)
def test_what_holds_no_pictures_is_refused_in_words_of_this_library(
    pictures: Any, said: str
) -> None:
    with pytest.raises(ck.DataError, match=said) as caught:
        ck.load_arrays(pictures, LABELS, PIXELS, LABELS)
    assert "inhomogeneous" not in str(caught.value)


def test_a_val_set_of_ones_own_is_val() -> None:
    x, y = PIXELS, LABELS
    splits = ck.load_arrays(x[:20], y[:20], x[20:30], y[20:30], x_val=x[30:], y_val=y[30:])
    assert splits.val is not None
    assert torch.equal(splits.val.images, torch.from_numpy(x[30:]))
    assert len(splits.train) == 20


def test_val_pictures_that_are_learnt_from_are_told_of() -> None:
    x, y = PIXELS, LABELS
    with pytest.warns(ck.CifarkitWarning, match="5 of the 5 val pictures"):
        ck.load_arrays(x[:20], y[:20], x[20:30], y[20:30], x_val=x[:5], y_val=y[:5])


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (lambda x, y: ck.load_arrays(x, y, x, y, x_val=x), "both x_val and y_val"),
        (
            lambda x, y: ck.load_arrays(x, y, x, y, x_val=x, y_val=y, val_size=0.2),
            r"val_size=0.2 draws val from train, but arrays has its own val set",
        ),
        (lambda x, y: ck.load_arrays(x, y + 1, x, y + 1), "counted from 0; subtract 1"),
        (lambda x, y: ck.load_arrays(x, y, x, [str(n + 3) for n in y]), "not one of the classes"),
        (lambda x, y: ck.load_arrays(x[:3, 0], y, x, y), "found 3 32 32; pass x"),
        (
            lambda x, y: ck.load_arrays(np.zeros((32, 32, 3, 32), np.uint8), y[:32], x, y),
            "found 32 32 3 32; pass x.transpose",
        ),
        (lambda x, y: ck.load_arrays(x.astype(int) * 257, y, x, y), "for 16 bits"),
    ],
    ids=range(7),
)
def test_arrays_with_no_or_two_meanings_are_refused_with_the_way(
    load: Callable[[Array, Array], Any], said: str
) -> None:
    with pytest.raises(ck.DataError, match=said):
        load(PIXELS, LABELS)


# Folders and files of labels


def draw(path: Path, number: int, size: tuple[int, int] = (32, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "PNG")  # the ending says little


def pictures_in(root: Path, *parts: str, each: int = 6) -> Path:
    for place, part in enumerate(parts):
        for label, name in enumerate(("cat", "dog")):
            for number in range(each):
                draw(root / part / name / f"{number}.png", 100 * place + 10 * label + number)
    return root


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_a_folder_of_val_is_the_val_set(tmp_path: Path, name: str) -> None:
    splits = ck.load_image_folder(pictures_in(tmp_path / "pets", "train", "test", name))
    again = ck.load_image_folder(tmp_path / "pets")  # from the cache
    assert splits.val is not None
    assert (len(splits.train), len(splits.val), len(splits.test)) == (12, 12, 12)
    assert splits.fingerprint == again.fingerprint
    first = to_rgb_32(Image.open(tmp_path / "pets" / name / "cat" / "0.png"))
    assert torch.equal(splits.val.images[0], first)
    with pytest.raises(ck.DataError, match=r"val_size=3 draws val from train"):
        ck.load_image_folder(tmp_path / "pets", val_size=3)


def test_classes_alone_give_a_test_set_that_is_drawn(tmp_path: Path) -> None:
    root = pictures_in(tmp_path / "pets", "", each=10)
    with pytest.warns(ck.CifarkitWarning, match=r"no test set, so 2 of its 20") as said:
        splits = ck.load_image_folder(root)
    assert len(said) == 1
    assert (len(splits.train), len(splits.test)) == (16, 2)
    assert splits.test.labels.tolist() == [0, 1]
    asked = ck.load_image_folder(root, test_size=4)  # who asks for a draw need not be told
    assert len(asked.test) == 4


def test_sub_folders_and_rare_endings_are_loaded_and_the_rest_is_counted(tmp_path: Path) -> None:
    root = pictures_in(tmp_path / "pets", "train", "test")
    for number, name in enumerate(("a.JFIF", "b.jpe", "deep/deeper/c.PNG")):
        draw(root / "train" / "cat" / name, 500 + number)
    for name in ("train/cat/._a.png", "train/dog/Thumbs.db", "train/dog/notes.heic"):
        (root / name).write_bytes(b"?")
    with pytest.warns(ck.CifarkitWarning, match=r"skipped 1 files .*: 'notes.heic'") as said:
        splits = ck.load_image_folder(root, val_size=0)
    assert len(said) == 1
    assert splits.train.labels.tolist() == [0] * 9 + [1] * 6


@pytest.mark.parametrize("names", ["training_set test_set", "seg_train seg_test", "Train Testing"])
def test_folders_of_parts_are_no_classes(tmp_path: Path, names: str) -> None:
    splits = ck.load_image_folder(pictures_in(tmp_path / "pets", *names.split()), val_size=0)
    assert splits.classes == ("cat", "dog")
    assert (len(splits.train), len(splits.test)) == (12, 12)


def test_pictures_beside_the_parts_are_counted(tmp_path: Path) -> None:
    root = pictures_in(tmp_path / "pets", "train", "test", "more", "__MACOSX", ".ipynb_checkpoints")
    with pytest.warns(ck.CifarkitWarning, match="skipped 12 files") as said:
        ck.load_image_folder(root)
    assert len(said) == 1
    (tmp_path / "pets.zip").write_bytes(b"PK")
    with pytest.raises(ck.DataError, match=r"is a file.*unpack"):
        ck.load_image_folder(tmp_path / "pets.zip")
    (tmp_path / "outer").mkdir()
    root.rename(tmp_path / "outer" / "pets")
    with pytest.raises(ck.DataError, match="outer/pets' has folders in it"):
        ck.load_image_folder(tmp_path / "outer")


def test_photographs_are_said_to_be_resized_when_they_are(tmp_path: Path) -> None:
    root = pictures_in(tmp_path / "pets", "train", "test")
    draw(root / "train" / "cat" / "large.png", 900, (60, 40))
    with pytest.warns(ck.CifarkitWarning, match="they were 60 by 40"):
        ck.load_image_folder(root)
    ck.load_image_folder(root)  # not again


def label_files(root: Path, ending: str = ".png") -> Path:
    for number in range(20):
        draw(root / "train" / f"{number}{ending}", number)
    return root / "train"


@pytest.mark.parametrize(
    "text",
    [
        "id,label\r\n" + "\r\n".join(f"{n},{n % 12}" for n in range(20)),
        "\ufeff" + "\n".join(f"train/{n}.PNG\t{n % 12}\t0\t0\t31\t31" for n in range(20)),
        "\n".join(f'"{n}.PNG";"{n % 12}"' for n in range(20)),
        "\n".join(f"{n}.PNG {n % 12}" for n in reversed(range(20))),
    ],
    ids=["Kaggle's", "Tiny ImageNet's", "quoted", "spaces"],
)
def test_labels_in_a_file_are_read(tmp_path: Path, text: str) -> None:
    images = label_files(tmp_path, ".PNG")
    (tmp_path / "labels.txt").write_text(text, encoding="utf-8", newline="")
    splits = ck.load_label_file(images, tmp_path / "labels.txt", val_size=0, test_size=2)
    assert splits.classes == tuple(map(str, range(12)))
    by_pixels = {picture.numpy().tobytes(): n for n, picture in enumerate(all_of(images, 20))}
    for image, label in zip(splits.train.images, splits.train.labels, strict=True):
        assert by_pixels[image.numpy().tobytes()] % 12 == label


def all_of(folder: Path, count: int) -> list[Tensor]:
    return [to_rgb_32(Image.open(next(folder.glob(f"{n}.*")))) for n in range(count)]


def test_a_table_may_have_its_columns_in_any_order(tmp_path: Path) -> None:
    images = label_files(tmp_path)
    rows = "\n".join(f"{n % 2},x,{n}" for n in range(18))
    (tmp_path / "l.csv").write_text(f"kind,lesion,image\n{rows}")
    (tmp_path / "t.csv").write_text("kind,lesion,image\n0,x,18\n1,x,19")
    columns = {"image_column": "image", "label_column": "kind"}
    with pytest.warns(ck.CifarkitWarning, match="skipped 20 files without a label"):
        splits = ck.load_label_file(
            images, tmp_path / "l.csv", test=(images, tmp_path / "t.csv"), **columns
        )
    assert splits.test.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n".join(f"{n},a" for n in range(30)), r"10 of the 30 pictures.*the first is '20'"),
        ("0,a\n0,b", "gives '0' two labels, 'a' and 'b'"),
        ("0\n1", "has no column 1; its first line has 1 columns"),
        ("0,a\n1,", "row 2 of 'l.csv' has no label"),
        ("", "is empty"),
        ('{"image": "0.png", "label": "cat"}', "is JSON or a web page"),
        (",file,label\n" + "\n".join(f"{n},{n}.png,cat" for n in range(9)), "has no name"),
        ("id,cat,dog\n" + "\n".join(f"{n},0.0,1.0" for n in range(9)), "0 and 1 for each class"),
        ("id,label\n0,a\n1,nan", "row 2 of 'l.csv' has no label"),
        ('0,a\n1,"a\n2,"b', """the line '1,"a' of 'l.csv' opens a quote"""),
        ('0,a\n1,"b', """the line '1,"b' of 'l.csv' opens a quote"""),
        ("id,label\n0003,a\n0004,b", r"first is '0003'; '3' is there, so write.*'{:01d}'.format"),
        ("id,label\n3.0,a\n4.0,b", r"the first is '3.0'; '3' is there"),
        ("id,label\n/home/x/3.png,a\n/home/x/4.png,b", "'3.png' is there, but not in '/home/x'"),
    ],
)
def test_a_file_of_labels_that_does_not_fit_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    images = label_files(tmp_path)
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(ck.DataError, match=said):
        ck.load_label_file(images, tmp_path / "l.csv")


def test_numbers_of_classes_may_have_any_length(tmp_path: Path) -> None:
    images, long = label_files(tmp_path), "9" * 5_000
    (tmp_path / "l.csv").write_text("\n".join(f"{n},{['10', long, '9'][n % 3]}" for n in range(20)))
    splits = ck.load_label_file(images, tmp_path / "l.csv", test_size=2)
    assert splits.classes == ("9", "10", long)


# Data sets


def fake(count: int, offset: int, transform: Any = None) -> Any:
    return torchvision.datasets.FakeData(
        count, (3, 32, 32), 4, transform=transform, random_offset=offset
    )


@pytest.mark.parametrize(
    "transform",
    [
        v1.ToTensor(),
        v1.Compose([v1.ToTensor(), v1.Normalize((0.5,) * 3, (0.5,) * 3)]),
        v1.PILToTensor(),
        v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]),
        np.asarray,
    ],
    ids=range(5),
)
def test_a_torchvision_data_set_is_the_same_with_and_without_tensors(transform: Any) -> None:
    plain = ck.load_dataset(fake(40, 0), fake(10, 99))
    assert len(plain.test) == 10
    assert (
        plain.fingerprint
        == ck.load_dataset(fake(40, 0, transform), fake(10, 99, transform)).fingerprint
    )


def test_parts_and_loaders_are_taken_in_the_order_of_the_data_set() -> None:
    whole, test = fake(40, 0), fake(10, 99)
    train, val = torch_data.random_split(whole, [30, 10], torch.Generator().manual_seed(0))
    expected = [whole[index][1] for index in train.indices]
    splits = ck.load_dataset(train, test, val=val)
    assert splits.train.labels.tolist() == expected
    loaders = [torch_data.DataLoader(part, 7, shuffle=True) for part in (train, test, val)]
    assert ck.load_dataset(loaders[0], loaders[1], val=loaders[2]).fingerprint == splits.fingerprint
    sampler = torch_data.SubsetRandomSampler(range(30))
    chosen = ck.load_dataset(torch_data.DataLoader(whole, sampler=sampler), test, val_size=0)
    assert chosen.train.labels.tolist() == [whole[index][1] for index in range(30)]
    joined = ck.load_dataset(torch_data.ConcatDataset([train, val]), test, val_size=0)
    assert joined.train.labels.tolist() == expected + [whole[index][1] for index in val.indices]


def test_an_image_folder_of_torchvisions_gives_what_cifarkits_does(tmp_path: Path) -> None:
    root = pictures_in(tmp_path / "pets", "train", "test")
    folders = [torchvision.datasets.ImageFolder(root / part) for part in ("train", "test")]
    assert ck.load_dataset(*folders).fingerprint == ck.load_image_folder(root).fingerprint


def test_classes_that_count_otherwise_in_test_are_matched_by_their_names(tmp_path: Path) -> None:
    root = pictures_in(tmp_path / "pets", "train", "test")
    (root / "train" / "ant").mkdir()
    draw(root / "train" / "ant" / "1.png", 77)
    folders = [torchvision.datasets.ImageFolder(root / part) for part in ("train", "test")]
    splits = ck.load_dataset(*folders, val_size=0)
    assert splits.classes == ("ant", "cat", "dog")
    assert splits.test.labels.tolist() == [1] * 6 + [2] * 6


class Rows:
    """Stands for a data set of Hugging Face: rows that are dictionaries, and names in features."""

    def __init__(self, numbers: range) -> None:
        self.numbers = numbers
        names = type("ClassLabel", (), {"names": ["cat", "dog"]})()
        self.features = {"img": object(), "fine_label": names, "coarse_label": object()}

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> dict[str, Any]:
        picture = Image.fromarray(PIXELS[self.numbers[index]].transpose(1, 2, 0))
        return {"img": picture, "fine_label": index % 2, "coarse_label": 9}


def test_rows_with_img_and_label_are_taken_with_the_names_of_their_classes() -> None:
    parts = {
        "train": Rows(range(20)),
        "validation": Rows(range(20, 30)),
        "test": Rows(range(30, 40)),
    }
    splits = ck.load_dataset(parts)
    assert splits.classes == ("cat", "dog")
    assert torch.equal(splits.test.images, torch.from_numpy(PIXELS[30:40]))
    assert splits.val is not None
    assert len(splits.val) == 10


class Stream(torch_data.IterableDataset):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        yield from fake(4, 0)


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (lambda: Stream(), r"list\(train\)"),
        (lambda: torch_data.DataLoader(Stream()), r"list\(train\)"),
        (lambda: iter(fake(4, 0)), r"list\(train\)"),
        (lambda: fake(4, 0, v1.RandomCrop(32, padding=4)), r"augment=\(ck.Transform"),
        (lambda: fake(4, 0, lambda _: random.random()), "must be a Pillow image"),
        (lambda: torch_data.DataLoader(fake(4, 0), collate_fn=list), "has its own collate_fn"),
        (
            lambda: torch_data.DataLoader(
                fake(4, 0), sampler=torch_data.WeightedRandomSampler([1.0] * 4, 4)
            ),
            "WeightedRandomSampler.*loader.dataset",
        ),
        (lambda: PIXELS, "ck.load_arrays"),
        (lambda: (PIXELS, LABELS), "ck.load_arrays"),
        (lambda: [(1, 2, 3)], "item 0 is 3 things"),
        (lambda: [{"foto": 1, "label": 2}], "'foto', 'label', but none called 'img'"),
        (lambda: [], "train has no pictures"),
        (
            lambda: fake(4, 0, v1.Compose([v1.ToTensor(), v1.Normalize((0.4,) * 3, (0.2,) * 3)])),
            "Normalize made them, leave it out",
        ),
        (lambda: [(PIXELS[0] * np.float32(257), 0)], "found float32 .*65535; .* for 16 bits"),
    ],
    ids=range(14),
)
def test_what_is_no_data_set_is_refused_with_the_way(train: Callable[[], Any], said: str) -> None:
    with pytest.raises(ck.DataError, match=said):
        ck.load_dataset(train())


def test_loading_draws_nothing_from_the_global_generators() -> None:
    before = random.getstate(), torch.get_rng_state()
    ck.load_dataset(fake(20, 0), fake(10, 99))
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


# Augmentations


@dataclass(frozen=True)
class Careless(ck.Augmentation):
    """Draws from every generator but the one that it is given."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        moves = random.randrange(9), int(np.random.randint(9)), int(torch.randint(9, ()))
        return images.roll(moves[0] + 10 * moves[1], 2).roll(moves[2], 3)


def shown(data: ck.Splits, augmentation: ck.Augmentation, seed: int) -> Tensor:
    batches = ck.training_batches(data.train, 64, seed=seed, epoch=1, augment=(augmentation,))
    return torch.cat([batch.images for batch in batches])


@pytest.mark.parametrize(
    "augmentation",
    [Careless(), ck.Transform([v1.RandomCrop(32, padding=4), v1.ToTensor()])],
    ids=["global generators", "torchvision"],
)
def test_the_seed_alone_decides_what_an_augmentation_shows(
    augmentation: ck.Augmentation, tiny: ck.Splits
) -> None:
    first = shown(tiny, augmentation, seed=0)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    after = random.getstate(), torch.get_rng_state()
    assert torch.equal(shown(tiny, augmentation, seed=0), first)
    assert random.getstate() == after[0]  # and the generators stand where they stood
    assert torch.equal(torch.get_rng_state(), after[1])
    assert not torch.equal(shown(tiny, augmentation, seed=1), first)


TRANSFORMS: list[Any] = [
    make
    for room in (v1, v2)
    for make in (
        room.RandomCrop(32, padding=4, padding_mode="reflect"),
        room.ColorJitter(0.4, 0.4, 0.4, 0.1),
        room.RandomAffine(10, translate=(0.1, 0.1), interpolation=v1.InterpolationMode.BILINEAR),
        room.RandomResizedCrop(24, scale=(0.5, 1)),
        room.AutoAugment(v1.AutoAugmentPolicy.CIFAR10),
        room.RandAugment(2, 9),
        room.RandomApply([room.GaussianBlur(3)], p=0.3),
        room.Compose([room.RandomHorizontalFlip(), room.PILToTensor(), room.RandomErasing(p=0.9)]),
        room.Grayscale(),
        room.TrivialAugmentWide(),
        room.AugMix(),
        room.RandomChoice([room.RandomRotation(5), room.RandomVerticalFlip()], p=[0.3, 0.7]),
        room.Compose([room.PILToTensor(), room.ConvertImageDtype(torch.uint8)]),
        torch.nn.Sequential(room.RandomHorizontalFlip(), room.RandomSolarize(128)),
    )
]


@pytest.mark.parametrize(
    "transform", TRANSFORMS, ids=lambda t: f"{type(t).__module__[23:]} {t!s:.20}"
)
def test_a_transform_does_what_torchvisions_does_also_after_it_was_written_down(
    transform: Any, tiny: ck.Splits
) -> None:
    images = tiny.train.images[:6]
    wrapped = ck.Transform(transform)
    changed = wrapped(images, torch.Generator().manual_seed(3))
    with seeded("transform", int(torch.randint(2**62, (), generator=torch.manual_seed(3)))):
        by_hand = [transform(v2.functional.to_pil_image(image)) for image in images]
    expected = [v2.functional.pil_to_tensor(p) if not isinstance(p, Tensor) else p for p in by_hand]
    assert torch.equal(changed, torch.stack(expected).expand_as(changed))
    again = from_json(wrapped.to_json())
    assert (again, hash(again)) == (wrapped, hash(wrapped))
    assert torch.equal(again(images, torch.Generator().manual_seed(3)), changed)


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        (v1.Normalize((0.5,), (0.5,)), "Normalize: cifarkit scales all pictures"),
        (v1.Lambda(lambda x: x), "Lambda: your own code belongs in a class of augmentations"),
        (lambda x: x, "see ck.Augmentation"),
        (v2.MixUp(num_classes=3), r"ck.Mixup\(\)"),
        (v2.RandomCrop, r"make one of the class first: RandomCrop\("),
        (ck.Flip(), "Flip is an augmentation already"),
        ([], "makes no transforms"),
        ("", "makes no transforms"),
        (None, "makes no transforms"),
        (10**5_000, "such as v2.RandomCrop"),
        ("__import__('os').getcwd()", "makes no transforms"),
        ("v2.Lambda(lambd=3)", "v2.Lambda is not one of them"),
        ("[" * 9_000, "makes no transforms"),
    ],
    ids=range(13),
)
def test_what_is_no_transform_is_refused(transform: Any, said: str) -> None:
    with pytest.raises(ck.RecipeError, match=said):
        ck.Transform(transform)


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        (v2.Resize(224), "must not enlarge pictures of 32 by 32, but gave 224 by 224"),
        (v2.CenterCrop((20, 24)), "must give square pictures of one size, but gave 24 by 20"),
        (v2.FiveCrop(20), "must give pictures, but gave tuple"),
        (v1.RandomErasing(p=1), r"put v2.ToImage\(\) before"),
        (
            [v1.ToTensor(), v2.GaussianNoise(sigma=5.0, clip=False)],
            "must give fractions 0 to 1, but gave -",
        ),
        ([v2.ToImage(), v2.ToDtype(torch.float32)], "to 255; .*scale=True"),
        ([v2.ToImage(), v2.ToDtype(torch.int16, scale=True)], "gave torch.int16.*torch.uint8"),
        ([v2.ToImage(), v2.ToDtype(torch.bool)], "gave torch.bool"),
    ],
    ids=range(8),
)
def test_a_transform_that_gives_no_picture_is_refused_when_it_does(
    transform: Any, said: str, tiny: ck.Splits
) -> None:
    with pytest.raises(ck.DataError, match=said):
        ck.Transform(transform)(tiny.train.images[:2], torch.Generator())


def test_a_run_with_a_transform_is_repeated_bit_by_bit(tiny: ck.Splits, tmp_path: Path) -> None:
    recipe = {"epochs": 1, "augment": (ck.Transform(v2.RandomCrop(32, padding=4)),)}
    run = ck.train("linear", tiny, run_dir=tmp_path / "run", **recipe)
    ck.score_on_test(run, tiny)
    assert ck.load_run(tmp_path / "run").recipe.augment == recipe["augment"]
    assert ck.verify(tmp_path / "run", tiny, retrain=True).passed


# Predictions


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return ck.create_model("linear")


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, "array", "list"])
def test_pictures_of_to_tensor_are_refused_until_their_range_is_said(
    model: torch.nn.Module, kind: Any
) -> None:
    floats = torch.from_numpy(PIXELS[:8] / 255)
    images: Any = floats.to(kind) if isinstance(kind, torch.dtype) else floats.numpy()
    images = list(floats) if kind == "list" else images
    with pytest.raises(ck.DataError, match=r"value_range=\(0, 1\) for what ToTensor\(\) gives"):
        ck.predict(model, images)
    expected = ck.predict(model, PIXELS[:8]).probabilities
    found = ck.predict(model, images, value_range=(0, 1)).probabilities
    assert np.array_equal(found, expected)


def test_bright_pictures_in_the_networks_range_can_be_said_to_be_so(
    model: torch.nn.Module,
) -> None:
    bright = torch.full((1, 3, 32, 32), 0.5)
    with pytest.raises(ck.DataError, match=r"value_range=\(-1, 1\)"):
        ck.predict(model, bright)
    with torch.no_grad():
        expected = torch.softmax(model(bright), 1).numpy()
    assert np.array_equal(ck.predict(model, bright, value_range=(-1, 1)).probabilities, expected)
    for wrong in ((0, 2), "01", 1):
        with pytest.raises(ck.DataError, match="value_range must be"):
            ck.predict(model, bright, value_range=wrong)  # type: ignore[arg-type]


def test_a_picture_in_memory_is_predicted_as_its_file(
    model: torch.nn.Module, tmp_path: Path
) -> None:
    draw(tmp_path / "a.png", 3, (60, 40))
    picture = Image.open(tmp_path / "a.png")
    expected = ck.predict(model, tmp_path / "a.png").probabilities
    for given in (picture, [picture], np.asarray(picture), np.asarray(picture)[None]):
        found = quietly(lambda given=given: ck.predict(model, given))
        assert np.array_equal(found.probabilities, expected)


@pytest.mark.parametrize(
    "keep",
    [
        lambda x: x.tolist(),
        lambda x: pd.DataFrame(x.reshape(len(x), -1)),
        lambda x: pd.Series(list(x)),
        lambda x: iter(x),
    ],
    ids=range(4),
)
def test_a_range_is_asked_for_however_the_fractions_are_kept(
    model: torch.nn.Module, keep: Callable[[Array], Any]
) -> None:
    with pytest.raises(ck.DataError, match=r"value_range=\(0, 1\) for"):
        ck.predict(model, keep(PIXELS[:8] / 255))
    expected = ck.predict(model, PIXELS[:8]).probabilities
    found = quietly(lambda: ck.predict(model, keep(PIXELS[:8] / 255), value_range=(0, 1)))
    assert np.array_equal(found.probabilities, expected)


def test_a_range_that_says_nothing_of_the_pictures_is_refused(
    model: torch.nn.Module, tmp_path: Path, tiny: ck.Splits
) -> None:
    draw(tmp_path / "a.png", 3)
    whole: list[Any] = [PIXELS, PIXELS.astype(int), tiny.test, tmp_path / "a.png"]
    for given in [*whole, Image.new("RGB", (32, 32))]:
        with pytest.raises(ck.DataError, match="whole numbers are 0 to 255"):
            ck.predict(model, given, value_range=(0, 1))
    with pytest.raises(ck.DataError, match="must hold 0 to 1, as value_range= says, found -1 to"):
        ck.predict(model, PIXELS / 127.5 - 1, value_range=(0, 1))


def test_pictures_of_all_kinds_stand_side_by_side(model: torch.nn.Module, tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 3)
    picture = Image.open(tmp_path / "a.png")
    pixels = np.asarray(picture)
    given = [tmp_path / "a.png", str(tmp_path / "a.png"), picture, pixels, torch.tensor(pixels)]
    found = ck.predict(model, [*given, ck.to_floats(torch.tensor(pixels).permute(2, 0, 1))])
    assert len(found) == 6
    assert np.allclose(found.probabilities, found.probabilities[0])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (".", "it is a folder; pathlib"),
        ("https://example.org/a.png", "it is an address: fetch"),
        ("data:image/png;base64,AAAA", "it is an address: fetch"),
        ("here.jpg", "did you mean 'here.PNG'"),
        ("here.png", "did you mean 'here.PNG'"),
        ("*.PNG", "glob"),
        ("nowhere/here.png", "no folder 'nowhere'"),
        ("a" * 5_000, "too long"),
        (b"here.PNG", "PIL.Image.open"),
        ([b"here.PNG"], "PIL.Image.open"),
        (io.BytesIO(b"?"), "it is an open file; PIL.Image.open"),
        ([("here.PNG", 0)], "its first item is a pair"),
        (fake(4, 0), r"\[x for x, _ in dataset\]"),
        (torch_data.DataLoader(fake(4, 0)), r"torch.cat\(\[x for x, _ in loader"),
        ([torch.zeros(8, 3, 32, 32), torch.zeros(8)], "a pair of pictures and labels"),
        ((torch.zeros(3, 32, 32), 1), "its items are Tensor 3 32 32 and int"),
        ({"img": PIXELS}, r"such as x\['img'\]"),
        ([{"img": PIXELS[0]}], r"such as x\['img'\] of each"),
        (set(), r"list\(…\)"),
        (torch.nn.Sequential(torch.nn.Flatten()), "it is a network"),
        ((), "nothing to predict"),
        (PIXELS[0], r"pass x\[None\] for one picture"),
    ],
    ids=range(22),
)
def test_what_is_no_picture_is_refused_with_the_way(
    model: torch.nn.Module, given: Any, said: str
) -> None:
    draw(Path("here.PNG"), 1)
    with pytest.raises(ck.DataError, match=said):
        ck.predict(model, given)
