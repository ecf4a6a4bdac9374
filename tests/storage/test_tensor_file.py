"""The data-only tensor file: what goes in comes out, or an error does."""

from __future__ import annotations

import json
import pickle
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

import cifarkit as ck
from cifarkit.storage import tensor_file
from cifarkit.storage.tensor_file import load_tensors, save_tensors

DTYPES = [
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool,
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
]  # fmt: skip
SMALL = {"weight": torch.tensor([[1.5, -2.0]]), "steps": torch.tensor(3)}
DOCUMENT = {"classes": ["cat", "dog"]}


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    """Compare names, types, shapes and every bit."""
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == theirs[name].dtype
        and ours[name].shape == theirs[name].shape
        and ours[name].numpy(force=True).tobytes() == theirs[name].numpy(force=True).tobytes()
        for name in ours
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (1, 0, 4)], ids=str)
def test_tensors_of_every_type_and_shape_come_back(
    dtype: torch.dtype, shape: tuple[int, ...], tmp_path: Path
) -> None:
    tensor = torch.arange(24)[: torch.Size(shape).numel()].reshape(shape).to(dtype)
    save_tensors(tmp_path / "file", {"a": tensor})
    loaded = load_tensors(tmp_path / "file")[0]["a"]
    assert (loaded.dtype, loaded.shape) == (dtype, shape)
    assert torch.equal(loaded, tensor)


documents = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=20)
@given(document=documents, name=st.text(st.characters(exclude_categories=["Cs"])))
def test_documents_and_names_of_any_letters_come_back(
    document: dict[str, Any], name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("documents") / "file"
    names = {"tensor " + name: torch.ones(2)}
    save_tensors(path, names, document)
    tensors, loaded = load_tensors(path)
    assert same(tensors, names)
    assert loaded == document


def test_views_shared_memory_and_gradients_are_no_obstacle(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4).requires_grad_()
    parts = {"whole": whole, "same": whole, "turned": whole.t(), "every other": whole[:, ::2]}
    save_tensors(tmp_path / "file", parts)
    loaded = load_tensors(tmp_path / "file")[0]
    for name, part in parts.items():
        assert torch.equal(loaded[name], part.detach())


def test_no_document_is_an_empty_one(tmp_path: Path) -> None:
    save_tensors(tmp_path / "file", SMALL)
    assert load_tensors(tmp_path / "file")[1] == {}


def test_another_tools_file_is_read_without_a_checksum(tmp_path: Path) -> None:
    save_file(SMALL, tmp_path / "file")
    tensors, document = load_tensors(tmp_path / "file")
    assert same(tensors, SMALL)
    assert document == {}


def flips(path: Path) -> Iterator[None]:
    """Turn every third bit of a file over, one at a time: some of every byte, all places in it."""
    whole = path.read_bytes()
    for bit in range(0, len(whole) * 8, 3):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        yield


def silent_changes(path: Path) -> int:
    """Count the flipped bits after which a file loads with other contents."""
    before = load_tensors(path)
    before = ({name: tensor.clone() for name, tensor in before[0].items()}, before[1])
    changed = 0
    for _ in flips(path):
        try:
            tensors, document = load_tensors(path)
        except ck.CheckpointError:
            continue
        changed += not (same(tensors, before[0]) and document == before[1])
    return changed


def test_no_flipped_bit_changes_a_value_without_a_word(tmp_path: Path) -> None:
    save_tensors(tmp_path / "file", SMALL, DOCUMENT)
    assert silent_changes(tmp_path / "file") == 0


def test_without_the_checksum_flipped_bits_would_go_unseen(tmp_path: Path) -> None:
    save_file(SMALL, tmp_path / "file")
    assert silent_changes(tmp_path / "file") > 30


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    save_tensors(path, SMALL, DOCUMENT)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ck.CheckpointError, match="not a whole safetensors file"):
            load_tensors(path)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), changes=st.integers(1, 4))
def test_mangled_bytes_are_refused_or_harmless(
    data: st.DataObject, changes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("mangled") / "file"
    save_tensors(path, SMALL, DOCUMENT)
    mangled = bytearray(path.read_bytes())
    for _ in range(changes):
        mangled[data.draw(st.integers(0, len(mangled) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(mangled)
    try:
        tensors, document = load_tensors(path)
    except ck.CheckpointError:
        return
    if changes == 1:  # several could also make it another tool's file, which has no checksum
        assert same(tensors, SMALL)
        assert document == DOCUMENT


def header(content: bytes, length: int | None = None) -> bytes:
    return (len(content) if length is None else length).to_bytes(8, "little") + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a tensor file at all",
        header(b"{}", length=2**63 - 1),
        header(b"[" * 10_000),
        header(b'{"a":{"dtype":"U8","shape":[100000000000],"data_offsets":[0,100000000000]}}'),
        header(b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},'
               b'"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}') + b"abc",
    ],
    ids=["empty", "text", "giant header", "deep", "100 GB tensor", "overlapping"],
)  # fmt: skip
def test_what_is_no_tensor_file_is_refused_and_says_what_to_do(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ck.CheckpointError, match="delete this one and make it again") as caught:
        load_tensors(tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)


@pytest.mark.parametrize("document", ["[1]", "7", "null", "{", "[" * 100_000], ids=lambda d: d[:4])
def test_a_document_that_is_no_object_is_refused(document: str, tmp_path: Path) -> None:
    metadata = {"cifarkit": document, "sha256": tensor_file._checksum(SMALL, document)}
    save_file(SMALL, tmp_path / "file", metadata=metadata)
    with pytest.raises(ck.CheckpointError) as caught:
        load_tensors(tmp_path / "file")
    assert "checksum" not in str(caught.value)


def test_a_file_of_ours_that_lost_its_checksum_is_refused(tmp_path: Path) -> None:
    save_file(SMALL, tmp_path / "file", metadata={"cifarkit": json.dumps(DOCUMENT)})
    with pytest.raises(ck.CheckpointError, match="its checksum does not fit its contents"):
        load_tensors(tmp_path / "file")


def test_a_missing_file_is_the_builtin_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_tensors(tmp_path / "nowhere")


@contextmanager
def small_disk(limit: int) -> Iterator[None]:
    """Let no file grow beyond `limit` bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("limit", [0, 100, 5_000])
def test_a_full_disk_is_an_os_error_and_the_old_file_still_loads(
    limit: int, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    save_tensors(path, SMALL, DOCUMENT)
    with small_disk(limit), pytest.raises(OSError, match=r"File too large|os error"):
        save_tensors(path, {"weight": torch.zeros(10_000)})
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert same(load_tensors(path)[0], SMALL)


@pytest.mark.parametrize("protocol", [2, 5])
def test_a_pickle_is_named_for_what_it_is(protocol: int, tmp_path: Path) -> None:
    torch.save(SMALL, tmp_path / "archive")
    torch.save(SMALL, tmp_path / "old", _use_new_zipfile_serialization=False)
    (tmp_path / "bare").write_bytes(pickle.dumps({"a": 1}, protocol))
    for name in ("archive", "old", "bare"):
        with pytest.raises(ck.CheckpointError, match=r"is a pickle.*may run code"):
            load_tensors(tmp_path / name)


def header_and_numbers(path: Path) -> tuple[Any, bytes]:
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    assert end % 8 == 0
    return json.loads(content[8:end]), content[end:]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_file_is_the_one_that_the_library_writes(count: int, tmp_path: Path) -> None:
    sizes = [torch.uint8, torch.bfloat16, torch.float32, torch.int64]
    tensors = {f"größe {dtype}": torch.arange(count * 3).to(dtype) for dtype in sizes}
    save_tensors(tmp_path / "ours", tensors, {"é" * count: count})
    with safe_open(tmp_path / "ours", framework="pt") as file:
        save_file(tensors, tmp_path / "theirs", metadata=file.metadata())
    ours, theirs = header_and_numbers(tmp_path / "ours"), header_and_numbers(tmp_path / "theirs")
    assert ours == theirs
    assert list(ours[0])[1:] == list(theirs[0])[1:]  # the tensors lie in the same order


def test_the_same_contents_are_the_same_bytes(tmp_path: Path) -> None:
    tensors = {"größe": torch.arange(5), "b": torch.ones(2, 3)}
    written = set()
    for number in range(12):  # the library's writer would shuffle two entries in every second file
        save_tensors(tmp_path / f"{number}.safetensors", tensors, {"größe": number * 0})
        written.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(written) == 1
    found = safetensors.torch.load(written.pop())
    assert found.keys() == tensors.keys()
