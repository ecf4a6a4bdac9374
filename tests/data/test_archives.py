"""The archives are described as torchvision knows them, and their sources can be asked."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from torchvision import datasets

from cifarkit.data.archives import ARCHIVES, Archive, md5_of


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_an_archive_is_what_torchvision_holds_for_it(name: str) -> None:
    archive, known = ARCHIVES[name], getattr(datasets, name.upper())
    assert (archive.file, archive.md5, archive.folder) == (
        known.filename,
        known.tgz_md5,
        known.base_folder,
    )
    files = [file for file, _ in known.train_list + known.test_list]
    assert set(archive.members) == {*files, known.meta["filename"]}


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_the_authors_are_asked_last_and_every_source_is_encrypted_and_names_the_file(
    name: str,
) -> None:
    archive, known = ARCHIVES[name], getattr(datasets, name.upper())
    assert archive.sources[-1] == known.url
    assert len(set(archive.sources)) == len(archive.sources) > 1
    for url in map(urlsplit, archive.sources):
        assert url.scheme == "https"
        assert url.path.endswith(f"/{archive.file}")


def test_only_the_very_file_is_whole(archive: Archive, whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    assert not archive.is_whole(path)
    for content in (b"", whole[:-1], whole + b"!", b"x" * len(whole)):
        path.write_bytes(content)
        assert not archive.is_whole(path)
    path.write_bytes(whole)
    assert archive.is_whole(path)
    assert md5_of(path) == archive.md5


def test_a_folder_is_no_archive(archive: Archive, tmp_path: Path) -> None:
    assert not archive.is_whole(tmp_path)
