"""A nest of states in one file: what goes in comes out, to the type and the bit, or an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import cifarkit as ck
from cifarkit.storage.state_file import load_state, save_state

SMALL = {"model": {"0.weight": torch.tensor([1.5, -2.0])}, "place": {"epoch": 3}, "betas": (1, 0.5)}


def same(one: Any, other: Any) -> bool:
    """Compare types, tensors bit by bit, and the order of keys."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


tensors = st.sampled_from([torch.zeros(0), torch.tensor(1), torch.rand(2, 3), torch.tensor([True])])
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | tensors
)
keys = st.text() | st.integers() | st.sampled_from(["$tensor", "$tuple", "$dict", "a/b", "a~b"])
nests = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(
    state=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="$")), nests, max_size=3
    )
)
def test_any_nest_comes_back_as_it_was(
    state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("nest") / "file"
    save_state(path, state)
    assert same(load_state(path), state)


def test_half_a_surrogate_pair_as_a_tensors_name_is_a_typed_error(tmp_path: Path) -> None:
    """Found by chance, by the test above."""
    with pytest.raises(ck.CheckpointError, match=r"a tensor at 'model/\\ud800' cannot be saved"):
        save_state(tmp_path / "file", {"model": {"\ud800": torch.ones(1)}})
    assert list(tmp_path.iterdir()) == []


def test_an_optimisers_state_comes_back(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.3, fused=True)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_state(tmp_path / "file", {"optimizer": optimizer.state_dict()})
    assert same(load_state(tmp_path / "file")["optimizer"], optimizer.state_dict())


def test_any_safetensors_tool_shows_the_tensors_by_their_paths(tmp_path: Path) -> None:
    save_state(tmp_path / "file", {"model": {"0.weight": torch.ones(2)}, "state": [torch.ones(1)]})
    with safe_open(tmp_path / "file", framework="np") as file:
        assert sorted(file.keys()) == ["model/0.weight", "state/0"]


def test_keys_that_look_alike_are_kept_apart(tmp_path: Path) -> None:
    state = {"a": {1: torch.tensor(1), "1": torch.tensor(2)}, "a/1": torch.tensor(3)}
    save_state(tmp_path / "file", state)
    assert same(load_state(tmp_path / "file"), state)


@pytest.mark.parametrize("odd", [{1, 2}, object(), b"bytes", 1j, len])
def test_what_is_no_data_is_named_and_nothing_is_written(odd: object, tmp_path: Path) -> None:
    with pytest.raises(ck.CheckpointError, match=f"a {type(odd).__name__} at 'a/0/b' cannot be"):
        save_state(tmp_path / "file", {"a": [{"b": odd}]})
    assert list(tmp_path.iterdir()) == []


def outcome(path: Path) -> Any:
    try:
        return load_state(path)
    except ck.CheckpointError:
        return None


def test_every_single_flipped_bit_is_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "file"
    save_state(path, SMALL)
    whole = path.read_bytes()
    refused = 0
    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        found = outcome(path)
        refused += found is None
        assert found is None or same(found, SMALL), f"bit {bit}"
    assert refused > 0.9 * len(whole) * 8


def test_a_file_without_a_checksum_would_take_them(tmp_path: Path) -> None:
    """The negative control."""
    path = tmp_path / "file"
    save_file({"weight": torch.tensor([1.5, -2.0])}, path)
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    assert not torch.equal(load_file(path)["weight"], torch.tensor([1.5, -2.0]))


def test_another_programs_tensors_are_no_state(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(2)}, tmp_path / "file")
    with pytest.raises(ck.CheckpointError, match="holds tensors but no state"):
        load_state(tmp_path / "file")


def test_mangled_files_are_refused_or_right(
    tmp_path: Path, times: Callable[[int, int], int], mangled: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "file"
    save_state(path, SMALL)
    whole = path.read_bytes()
    for _ in range(times(2_000, 100_000)):
        path.write_bytes(mangled(whole))
        found = outcome(path)
        assert found is None or same(found, SMALL)
