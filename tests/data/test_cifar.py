"""CIFAR-10: read by torchvision once, served from one tensor file ever after."""

from __future__ import annotations

import hashlib
import logging
import pickle
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10, CIFAR100

import cifarkit as ck
from cifarkit.data import cifar
from cifarkit.data.archives import CIFAR10 as PUBLISHED
from cifarkit.storage.folders import data_folder
from cifarkit.storage.tensor_file import load_tensors

BATCHES, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
FILES = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
EACH = 20  # pictures a file, where the real ones hold 10,000


def contents() -> dict[str, bytes]:
    """Make the files of a data set in the layout of the real one."""
    generator = np.random.default_rng(0)
    files = {
        name: pickle.dumps(
            {
                "data": generator.integers(0, 256, (EACH, 3072), dtype=np.uint8),
                "labels": [number % 10 for number in range(EACH)],
            }
        )
        for name in FILES
    }
    return files | {"batches.meta": pickle.dumps({"label_names": list(CLASSES)})}


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Give the small data set, and let torchvision hold it for the true one."""
    made = contents()
    sums = {name: md5(content) for name, content in made.items()}
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name in FILES[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": sums["batches.meta"]})
    return made


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note who asks for the network, and give none."""
    asked: list[str] = []

    def refuse(url: object, *_: object, **__: object) -> None:
        asked.append(str(getattr(url, "full_url", url)))
        raise OSError("there is no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return asked


def unpacked(root: Path, files: dict[str, bytes]) -> Path:
    (root / BATCHES).mkdir(parents=True)
    for name, content in files.items():
        (root / BATCHES / name).write_bytes(content)
    return root


def packed(root: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    unpacked(root, files)
    with tarfile.open(root / ARCHIVE, "w:gz") as archive:
        archive.add(root / BATCHES, BATCHES)
    shutil.rmtree(root / BATCHES)
    content = (root / ARCHIVE).read_bytes()
    small = replace(PUBLISHED, bytes=len(content), md5=md5(content))
    monkeypatch.setattr(cifar, "CIFAR10", small)
    return root


def load(root: Path | None = None, **options: object) -> ck.Splits:
    return ck.load_cifar10(root, **{"val_size": 20, **options})  # type: ignore[arg-type]


def expected(files: dict[str, bytes], name: str) -> np.ndarray:
    raw: np.ndarray = pickle.loads(files[name])["data"]
    return raw.reshape(-1, 3, 32, 32)


def test_pictures_and_labels_are_those_of_the_files(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    splits = load(unpacked(tmp_path, files), val_size=0)
    train = np.concatenate([expected(files, name) for name in FILES[:5]])
    assert np.array_equal(splits.train.images.numpy(), train)
    assert np.array_equal(splits.test.images.numpy(), expected(files, "test_batch"))
    assert splits.train.labels.tolist() == [number % 10 for number in range(EACH)] * 5
    assert splits.classes == CLASSES
    assert (splits.name, splits.source) == ("CIFAR-10", "cifar10")


def test_val_is_a_stratified_part_of_train(files: dict[str, bytes], tmp_path: Path) -> None:
    splits = load(unpacked(tmp_path, files))
    assert splits.val is not None
    assert (len(splits.train), len(splits.val), len(splits.test)) == (80, 20, 20)
    assert torch.bincount(splits.val.labels).tolist() == [2] * 10


def test_the_second_load_reads_the_tensor_file_and_not_the_folder(
    files: dict[str, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = load(unpacked(tmp_path, files))
    shutil.rmtree(tmp_path / BATCHES)
    second = load(tmp_path, download=False)
    assert second.fingerprint == first.fingerprint
    assert load(tmp_path, split_seed=1).fingerprint != first.fingerprint
    assert caplog.records == []


def test_torchvision_is_not_even_asked_a_second_time(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(unpacked(tmp_path, files))

    def refuse() -> None:
        raise AssertionError

    monkeypatch.setattr(cifar, "import_datasets", refuse)
    assert load(tmp_path).fingerprint == first.fingerprint


@pytest.mark.parametrize("location", ["root", "environment", "tilde", "./data", "text"])
def test_the_folder_is_found(
    location: str, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "größe and spaces" / "data"
    root: Path | str | None = None
    unpacked(home, files)
    if location == "root":
        root = home
    elif location == "text":
        root = str(home)
    elif location == "tilde":
        monkeypatch.setenv("HOME", str(home.parent))
        root = "~/data"
    elif location == "environment":
        monkeypatch.setenv("CIFARKIT_DATA", str(home))
    else:
        monkeypatch.chdir(home.parent)
    splits = ck.load_cifar10(root, val_size=20, download=False)
    assert len(splits.test) == EACH
    kept = (
        home if location != "./data" else data_folder()
    )  # nothing is put beside a ./data of others
    assert [path.name for path in kept.glob("*.safetensors")] == ["cifar10.safetensors"]


def test_a_named_root_is_the_only_place_looked_at(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked(tmp_path / "data", files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ck.DataError, match=r"^CIFAR-10 is not in 'elsewhere'; pass root="):
        load(Path("elsewhere"), download=False)
    assert not Path("elsewhere").exists()


def test_nowhere_and_no_download_is_an_error_that_names_every_place(no_network: list[str]) -> None:
    with pytest.raises(ck.DataError) as caught:
        ck.load_cifar10(download=False)
    assert f"CIFAR-10 is not in {str(data_folder())!r} nor 'data'" in str(caught.value)
    assert not isinstance(caught.value, ck.DownloadError)
    assert no_network == []


def test_an_archive_is_unpacked_without_the_network(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[str]
) -> None:
    packed(tmp_path, files, monkeypatch)
    splits = load(tmp_path, download=False)
    assert splits.fingerprint == load(unpacked(tmp_path / "other", files)).fingerprint
    assert no_network == []


def test_a_damaged_archive_is_not_used_and_does_not_call_the_network_unasked(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[str]
) -> None:
    path = packed(tmp_path, files, monkeypatch) / ARCHIVE
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ck.DataError, match=r"tar\.gz' is damaged or cut short; put a whole file"):
        load(tmp_path, download=False)
    assert no_network == []
    with pytest.raises(ck.DownloadError, match="there is no network"):
        load(tmp_path)
    assert no_network == list(PUBLISHED.sources)
    assert not (tmp_path / BATCHES).exists()


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "a pickle that would run code"])
def test_a_damaged_file_is_a_data_error_and_is_never_read(
    name: str, damage: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    path = unpacked(tmp_path, files) / BATCHES / name
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(whole[:-1])
    elif damage == "flipped":
        path.write_bytes(whole)
    else:
        path.write_bytes(pickle.dumps(Gadget(tmp_path / "canary")))
    with pytest.raises(ck.DataError, match=r"batches-py' is damaged: .*Delete that folder"):
        load(tmp_path, download=False)
    assert not (tmp_path / "canary").exists()
    assert not (tmp_path / "cifar10.safetensors").exists()


class Gadget:
    """Write a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.path, "code ran")


def test_the_gadget_would_run_if_it_were_read(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Gadget(tmp_path / "canary")))
    assert (tmp_path / "canary").read_text() == "code ran"


def test_a_damaged_cache_is_made_anew_with_one_line_in_the_log(
    files: dict[str, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = load(unpacked(tmp_path, files))
    cache = tmp_path / "cifar10.safetensors"
    cache.write_bytes(cache.read_bytes()[:-1_000])
    assert load(tmp_path).fingerprint == first.fingerprint
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "is made again" in record.getMessage()
    assert len(load_tensors(cache)[0]["train.images"]) == 5 * EACH


def test_a_folder_that_cannot_be_written_to_still_loads(
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    unpacked(tmp_path, files)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", read_only)  # chmod would not stop root
    assert len(load(tmp_path).test) == EACH
    assert "cannot be written" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == [BATCHES]


@pytest.mark.parametrize("root", ["x" * 5_000, "a\0b", "~no-such-user/data"])
@pytest.mark.parametrize("allowed", [True, False], ids=["download", "no download"])
def test_a_root_that_cannot_be_is_a_data_error(root: str, allowed: bool) -> None:
    with pytest.raises(ck.DataError, match="CIFAR-10"):
        ck.load_cifar10(root, download=allowed)


def test_cifar100_has_the_fine_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"class {number:02}" for number in range(100)]
    generator = np.random.default_rng(0)
    pictures = {
        part: {
            "data": generator.integers(0, 256, (200, 3072), dtype=np.uint8),
            "fine_labels": [number % 100 for number in range(200)],
            "coarse_labels": [number % 20 for number in range(200)],
        }
        for part in ("train", "test")
    }
    made = {name: pickle.dumps(content) for name, content in pictures.items()}
    made["meta"] = pickle.dumps({"fine_label_names": names})
    monkeypatch.setattr(CIFAR100, "train_list", [["train", md5(made["train"])]])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", md5(made["test"])]])
    monkeypatch.setattr(CIFAR100, "meta", CIFAR100.meta | {"md5": md5(made["meta"])})
    (tmp_path / "cifar-100-python").mkdir()
    for name, content in made.items():
        (tmp_path / "cifar-100-python" / name).write_bytes(content)
    for _ in range(2):  # from torchvision, then from the tensor file
        splits = ck.load_cifar100(tmp_path, val_size=100, download=False)
        assert splits.classes == tuple(names)
        assert (splits.name, splits.source) == ("CIFAR-100", "cifar100")
        assert splits.val is not None
        assert sorted(splits.val.labels.tolist()) == list(range(100))
        assert splits.test.labels.tolist() == pictures["test"]["fine_labels"]
    assert (tmp_path / "cifar100.safetensors").is_file()
