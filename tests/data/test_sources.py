"""One word names a data source, or an error lists the words there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import cifarkit as ck
from cifarkit.data import sources


def pets(root: Path) -> Path:
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (root / folder).mkdir(parents=True)
        for number in range(6):
            Image.new("L", (32, 32), number + 9 * ("test" in folder)).save(
                root / folder / f"{number}.png"
            )
    return root


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "synthetic"])
def test_a_name_means_its_loader_with_its_defaults(
    name: str, tiny: ck.Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def loader(*arguments: object, **options: object) -> ck.Splits:
        asked.append((arguments, options))
        return tiny

    monkeypatch.setattr(sources, f"load_{name}", loader)
    assert ck.load_data(name) is tiny
    assert asked == [((), {})]


def test_a_folder_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = pets(tmp_path / "my pets")
    splits = ck.load_data(str(root))
    assert (splits.name, len(splits.test)) == ("my pets", 12)
    assert splits.fingerprint == ck.load_data(root).fingerprint
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ck.load_data("~/my pets").fingerprint == splits.fingerprint
    monkeypatch.chdir(tmp_path)
    assert ck.load_data("my pets").fingerprint == splits.fingerprint


def test_what_a_source_says_of_itself_finds_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pets(tmp_path / "pets")
    monkeypatch.chdir(tmp_path)
    splits = ck.load_image_folder("pets")
    monkeypatch.chdir("/")
    assert ck.load_data(splits.source).fingerprint == splits.fingerprint


@pytest.mark.parametrize(
    "spec", ["cifar1000", "CIFAR10", "nowhere", "a\0b", "x" * 5_000, "~no-such-user/x", "cifar10 "]
)
def test_what_is_no_source_is_refused_with_what_is_allowed(spec: str) -> None:
    with pytest.raises(ck.DataError) as caught:
        ck.load_data(spec)
    assert f"there is no data source {spec!r}" in str(caught.value)
    assert "allowed are 'cifar10', 'cifar100', 'synthetic' or the path of a folder" in str(
        caught.value
    )


@pytest.mark.parametrize("spec", [None, 3, b"cifar10", ["cifar10"]])
def test_what_is_neither_a_name_nor_a_path_is_refused(spec: Any) -> None:
    with pytest.raises(ck.DataError, match="a data source is a name such as 'cifar10' or the path"):
        ck.load_data(spec)


def test_a_file_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ck.DataError, match="there is no data source"):
        ck.load_data(tmp_path / "file")


@pytest.mark.parametrize(
    "sizes", [{}, {"n_train": 300, "val_size": 0.1}, {"seed": 3}, {"val_size": 5e-05}]
)
def test_the_drawn_set_is_found_again_in_its_size_by_its_source(sizes: dict[str, Any]) -> None:
    small = {"n_train": 120, "n_test": 40, "val_size": 20} | sizes
    drawn = ck.load_synthetic(**small)
    assert ck.load_data(drawn.source).fingerprint == drawn.fingerprint
    assert drawn.source != "synthetic"


@pytest.mark.parametrize(
    "settings", ["n_trian=3", "n_train", "n_train=many", "seed=-1", "val_size=1e5"]
)
def test_a_setting_that_is_none_is_refused(settings: str) -> None:
    with pytest.raises(ck.DataError, match="is not a setting of the synthetic set; allowed are"):
        ck.load_data(f"synthetic:{settings}")


def test_the_example_of_the_message_is_one() -> None:
    with pytest.raises(ck.DataError) as refused:
        ck.load_data("synthetic:n_trian=3")
    example = str(refused.value).rpartition("such as ")[2].strip("'")
    assert len(ck.load_data(example).test) == 200
