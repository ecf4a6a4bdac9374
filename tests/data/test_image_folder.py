"""Folders of picture files: what is read, in what order, how often, and what is refused."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import cifarkit as ck
from cifarkit.data import picture_files
from cifarkit.data.picture_files import is_hidden
from cifarkit.data.pictures import load_picture
from cifarkit.storage.folders import data_folder

# Plain grey pictures, of which some are in train and in test.
pytestmark = pytest.mark.filterwarnings("ignore:.* test pictures of .* are also train or val")
LAYOUT = {
    "train/cat": {"1.png": 10, "2.png": 20, "10.png": 30},
    "train/dog": {"a.png": 40, "b.PNG": 50},
    "test/cat": {"1.png": 60},
    "test/dog": {"1.png": 70},
}


def fill(root: Path, layout: dict[str, dict[str, int]]) -> Path:
    for folder, files in layout.items():
        (root / folder).mkdir(parents=True)
        for name, grey in files.items():
            Image.new("L", (32, 32), grey).save(root / folder / name, "PNG")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fill(tmp_path / "pets", LAYOUT)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Name every picture file that is decoded."""
    names: list[str] = []

    def watched(path: str, sizes: set[str]) -> object:
        names.append("/".join(Path(path).parts[-3:]))
        return load_picture(path, sizes)

    monkeypatch.setattr(picture_files, "load_picture", watched)
    return names


def greys(image_set: ck.ImageSet) -> list[int]:
    return image_set.images[:, 0, 0, 0].tolist()


def test_classes_and_pictures_come_in_the_order_of_their_names(root: Path) -> None:
    splits = ck.load_image_folder(root, val_size=0)
    assert splits.classes == ("cat", "dog")
    assert greys(splits.train) == [10, 30, 20, 40, 50]  # "10.png" is before "2.png"
    assert splits.train.labels.tolist() == [0, 0, 0, 1, 1]
    assert greys(splits.test) == [60, 70]
    assert splits.test.labels.tolist() == [0, 1]
    assert (splits.name, splits.source) == ("pets", str(root.resolve()))


def test_val_comes_out_of_train(root: Path) -> None:
    splits = ck.load_image_folder(root, val_size=2)
    assert splits.val is not None
    assert sorted(greys(splits.train) + greys(splits.val)) == [10, 20, 30, 40, 50]


def test_pictures_are_decoded_once(root: Path, decoded: list[str]) -> None:
    first = ck.load_image_folder(root)
    assert len(decoded) == len(set(decoded)) == 7
    again = ck.load_image_folder(str(root))
    assert len(decoded) == 7
    assert again.fingerprint == first.fingerprint
    other = ck.load_image_folder(root, val_size=2, split_seed=5)
    assert len(decoded) == 7  # the split is made again from the cache
    assert other.fingerprint != first.fingerprint


def test_only_the_cache_folder_is_written_to(root: Path) -> None:
    before = sorted(root.rglob("*"))
    ck.load_image_folder(root)
    assert sorted(root.rglob("*")) == before
    assert [path.suffix for path in (data_folder() / "folders").iterdir()] == [".safetensors"]


def newer(root: Path) -> None:
    os.utime(root / "train/cat/1.png", ns=(1, 1))


def repainted(root: Path) -> None:
    path = root / "train/cat/1.png"
    before = path.stat()
    Image.effect_noise((32, 32), 50).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # the size alone tells


CHANGES: dict[str, Callable[[Path], None]] = {
    "a picture's time": newer,
    "a picture's size": repainted,
    "a picture's name": lambda root: shutil.move(root / "test/cat/1.png", root / "test/cat/2.png"),
    "a picture more": lambda root: shutil.copy(root / "test/cat/1.png", root / "train/dog/c.png"),
    "a picture less": lambda root: (root / "train/cat/1.png").unlink(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_in_the_folder_is_seen(what: str, root: Path, decoded: list[str]) -> None:
    ck.load_image_folder(root)
    decoded.clear()
    CHANGES[what](root)
    ck.load_image_folder(root)
    assert len(decoded) in (6, 7, 8)


def test_two_folders_of_one_relative_name_do_not_share_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    for folder, shift in (("here", 0), ("there", 1)):
        changed = {
            part: {name: grey + shift for name, grey in files.items()}
            for part, files in LAYOUT.items()
        }
        root = fill(tmp_path / folder / "pets", changed)
        for path in root.rglob("*.*"):
            os.utime(path, ns=(1, 1))  # as unpacked from an archive
        monkeypatch.chdir(tmp_path / folder)
        loaded.append(ck.load_image_folder("pets", val_size=0))
    assert greys(loaded[0].test) == [60, 70]
    assert greys(loaded[1].test) == [61, 71]


def test_stray_files_and_hidden_ones_are_ignored(root: Path) -> None:
    before = ck.load_image_folder(root).fingerprint
    for name in ("README.md", "train/labels.csv", "train/cat/.1.png", "test/dog/Thumbs.db",
                 "train/.DS_Store"):  # fmt: skip
        (root / name).write_bytes(b"stray")
    (root / "train" / ".ipynb_checkpoints").mkdir()
    (root / "__MACOSX" / "train").mkdir(parents=True)
    assert ck.load_image_folder(root).fingerprint == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: shutil.rmtree(root), "there is no folder '.*train'"),
        (lambda root: shutil.rmtree(root / "test/cat"), r"found \['cat', 'dog'\] and \['dog'\]"),
        (lambda root: shutil.rmtree(root / "train/cat"), r"found \['dog'\] and \['cat', 'dog'\]"),
        (
            lambda root: [shutil.rmtree(root / part / "cat") for part in ("train", "test")],
            r"two or more class folders under train and test; found \['dog'\] and \['dog'\]",
        ),
        (lambda root: shutil.copytree(root / "test/cat", root / "test/owl"), "'owl'"),
        (lambda root: (root / "train/owl").mkdir(), "train/owl' holds no picture file.*png, .pnm"),
        (lambda root: (root / "test/dog/1.png").unlink(), "test/dog' holds no picture file"),
        (
            lambda root: (root / "train/dog/a.png").write_bytes(b"?"),
            "train/dog/a.png' is not a pic",
        ),
        (lambda root: (root / "train/dog/x.png").mkdir(), "train/dog/x.png' cannot be read"),
        (
            lambda root: (root / "train/dog/link.png").symlink_to("nowhere"),
            "train/dog' cannot be read.*link.png",
        ),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused_by_name(
    change: Callable[[Path], object], message: str, root: Path
) -> None:
    change(root)
    with pytest.raises(ck.DataError, match=message):
        ck.load_image_folder(root)
    assert not (data_folder() / "folders").exists()  # nothing half is kept


@pytest.mark.parametrize("path", ["a\0b", "x" * 5_000, "~no-such-user/pets", "", "nowhere"])
def test_a_path_that_leads_nowhere_is_one_clear_error(path: str) -> None:
    with pytest.raises(ck.DataError, match="folder"):
        ck.load_image_folder(path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "train").write_bytes(b"")
    with pytest.raises(ck.DataError, match=r"there is no folder '.*train'"):
        ck.load_image_folder(tmp_path)


def test_a_folder_that_may_not_be_read_is_a_data_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", refuse)  # chmod would not stop root
    with pytest.raises(ck.DataError, match=r"pets' cannot be read: .*Permission denied"):
        ck.load_image_folder(root)


names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: not is_hidden(name) and len(name.encode()) < 200)


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(root_name=names, classes=st.sets(names, min_size=2, max_size=3))
def test_folders_and_classes_of_any_name_work(
    root_name: str, classes: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("names") / root_name
    fill(
        root,
        {f"{part}/{name}": {f"{name}.png": 5} for part in ("train", "test") for name in classes},
    )
    for _ in range(2):
        splits = ck.load_image_folder(root, val_size=0)
        assert splits.classes == tuple(sorted(classes))
        assert splits.name == root_name


@pytest.mark.parametrize("part", ["n" * 250, "CON", "two words", "größe 猫"], ids=repr)
def test_names_that_are_hard_on_other_systems_work(part: str, tmp_path: Path) -> None:
    root = fill(
        tmp_path / part,
        {f"{where}/{label}": {"1.png": 5} for where in ("train", "test") for label in (part, "b")},
    )
    assert part in ck.load_image_folder(root, val_size=0).classes
    assert part in ck.load_image_folder(root, val_size=0).classes


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="no such name can be made there")
@pytest.mark.parametrize("where", ["root", "class"])
def test_a_name_that_is_no_utf_8_is_refused_before_anything_is_trained(
    where: str, tmp_path: Path
) -> None:
    """As an archive in Latin-1 leaves one: it could be neither drawn nor written down."""
    odd = os.fsdecode(b"c\xe4t")
    root, label = (odd, "cat") if where == "root" else ("pets", odd)
    folder = fill(
        tmp_path / root,
        {f"{part}/{name}": {"1.png": 5} for part in ("train", "test") for name in (label, "dog")},
    )
    with pytest.raises(ck.DataError, match=r"'c\\udce4t' is not UTF-8; rename it"):
        ck.load_image_folder(folder, val_size=0)


def test_a_bar_on_a_terminal_ends_also_when_a_picture_is_broken(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = []
    make = picture_files._with_bar
    monkeypatch.setattr(
        picture_files, "_with_bar", lambda total: bars.append(make(total)) or bars[0]
    )
    (root / "train/dog/a.png").write_bytes(b"?")
    with pytest.raises(ck.DataError) as caught:
        ck.load_image_folder(root)
    assert caught.traceback  # its frames are still alive
    assert bars[0].gi_frame is None  # and yet the bar has ended


def test_no_bar_is_drawn_where_there_is_no_terminal(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ck.load_image_folder(root)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "stderr", None)  # as under pythonw
    newer(root)
    assert len(ck.load_image_folder(root, val_size=0).train) == 5
