"""Read text files that a stranger may have made, only if they are regular and not too large."""

from __future__ import annotations

import stat
from pathlib import Path

__all__ = ["read_text"]

LARGEST = 32 * 2**20  # bytes; the history of 100,000 epochs has less


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Return the text of a file, if it is a regular file and not too large.

    Reading a pipe would never end, and a sparse file of gigabytes would fill the memory.

    Args:
        path: the path of a JSON or CSV file.
        encoding: the encoding of its text.

    Raises:
        OSError: it is not a regular file, is too large, or cannot be read.
        UnicodeDecodeError: its text has another encoding.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "run.json"
    >>> file.write_text("{}")
    2
    >>> read_text(file)
    '{}'
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path.name} is not a regular file")
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(
            f"{path.name} has {max(status.st_size, len(content)):,} bytes; allowed are {LARGEST:,}"
        )
    return content.decode(encoding)
