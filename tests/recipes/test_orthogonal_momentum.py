"""The steps of Muon, against the singular value decomposition and against torch's own SGD."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.profiler import ProfilerActivity, profile

import cifarkit as ck
from cifarkit.randomness import generator_for
from cifarkit.recipes.orthogonal_momentum import orthogonalized


def some_matrix(rows: int, columns: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=generator_for("matrix", seed))


def alone(matrix: torch.Tensor, steps: int = 3) -> torch.Tensor:
    [found] = orthogonalized([matrix], steps)
    return found


@settings(deadline=None, max_examples=40)
@given(rows=st.integers(1, 24), columns=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_the_singular_vectors_stay_and_no_singular_value_grows_past_a_known_bound(
    rows: int, columns: int, seed: int
) -> None:
    matrix = some_matrix(rows, columns, seed)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ alone(matrix, steps=5) @ right.T  # diagonal, in the same basis
    torch.testing.assert_close(inner, torch.diag(inner.diagonal()), rtol=0, atol=2e-3)
    large = values / values.norm() > 0.01  # smaller ones need more steps
    assert inner.diagonal()[large].min() > 0.5
    assert inner.diagonal().max() < 1.25


def test_a_matrix_left_as_it_is_would_be_told_apart() -> None:
    matrix = some_matrix(8, 8, 0)
    values = torch.linalg.svdvals(matrix / matrix.norm())
    assert values.min() < 0.5


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (5, 5)])
def test_the_iteration_is_the_quintic_polynomial(shape: tuple[int, int]) -> None:
    matrix = some_matrix(*shape, 1).double()
    slow = matrix / (matrix.norm() + 1e-7)
    for _ in range(3):
        slow = (
            3.4445 * slow
            - 4.7750 * slow @ slow.T @ slow
            + 2.0315 * (slow @ slow.T @ slow @ slow.T @ slow)
        )
    torch.testing.assert_close(alone(matrix), slow, rtol=1e-6, atol=1e-9)


SHAPES = [(6, 40), (3, 5), (40, 6), (6, 7), (2, 2)]


@settings(deadline=None, max_examples=20)
@given(shapes=st.permutations(SHAPES), seed=st.integers(0, 2**32))
def test_in_company_each_matrix_comes_to_what_it_comes_to_alone(
    shapes: list[tuple[int, int]], seed: int
) -> None:
    matrices = [some_matrix(*shape, seed + index) for index, shape in enumerate(shapes)]
    for matrix, found in zip(matrices, orthogonalized(matrices), strict=True):
        torch.testing.assert_close(found, alone(matrix))


def test_matrices_of_several_types_keep_theirs() -> None:
    types = [torch.float32, torch.float64, torch.bfloat16]
    matrices = [some_matrix(6, 40, 0).to(dtype) for dtype in types]
    for matrix, found in zip(matrices, orthogonalized(matrices), strict=True):
        assert found.dtype == matrix.dtype
        torch.testing.assert_close(found, alone(matrix))


def test_another_matrix_of_the_same_shape_comes_to_something_else() -> None:
    one, other = orthogonalized([some_matrix(6, 40, 0), some_matrix(6, 40, 1)])
    assert not torch.allclose(one, other)


def test_matrices_of_one_size_are_iterated_in_as_many_launches_as_one() -> None:
    def products(count: int) -> int:
        matrices = [some_matrix(6, 40, index) for index in range(count)]
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            orthogonalized(matrices)
        return sum(event.name in ("aten::bmm", "aten::baddbmm") for event in profiled.events())

    assert products(4) == products(1) == 9


@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-12])
def test_a_vanishing_matrix_gives_no_step(length: float) -> None:
    found = alone(some_matrix(4, 9, 0) * length)
    assert found.isfinite().all()
    assert found.abs().max() < 1e-2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_below_32_bits_only_the_answer_is_rounded(dtype: torch.dtype) -> None:
    matrix = some_matrix(24, 40, 2).to(dtype)
    found = alone(matrix)
    assert found.dtype == dtype
    assert torch.equal(found, alone(matrix.float()).to(dtype))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_filters_layout_changes_nothing(layout: torch.memory_format) -> None:
    layer = nn.Conv2d(3, 4, 3, bias=False)
    held = layer.weight.detach() * 2 / layer.weight.detach().norm()
    layer.to(memory_format=layout)  # type: ignore[call-overload]
    gradient = some_matrix(4, 27, 0).view(4, 3, 3, 3)
    layer.weight.grad = gradient.to(memory_format=layout)
    ck.Muon(lr=0.1, momentum=0).build(layer.parameters()).step()
    expected = held - 0.1 * alone(gradient.flatten(1)).view(4, 3, 3, 3)
    torch.testing.assert_close(layer.weight.detach(), expected)


def test_groups_go_by_the_number_of_dimensions() -> None:
    with ck.seeded("weights", 0):
        model = ck.create_model("baseline", widths=(4, 4))
    optimizer = ck.Muon(lr=0.1, matrix_lr=0.2, bias_lr=0.3).build(model.parameters())
    groups = optimizer.param_groups
    found = {group["lr"]: {weight.ndim for weight in group["params"]} for group in groups}
    assert found == {0.1: {4}, 0.2: {2}, 0.3: {1}}
    assert [group["orthogonal"] for group in groups] == [True, False, False]


def test_a_network_without_filters_has_no_empty_group() -> None:
    optimizer = ck.Muon().build(nn.Linear(3, 2).parameters())
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 1]


def test_all_but_filters_steps_as_torchs_sgd_with_nesterov_does() -> None:
    ours, theirs = (nn.Linear(5, 3) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    mine = ck.Muon(matrix_lr=0.1, bias_lr=0.1, sgd_momentum=0.8).build(ours.parameters())
    oracle = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.8, nesterov=True)
    for step in range(5):
        images = some_matrix(4, 5, step)
        for model, optimizer in ((ours, mine), (theirs, oracle)):
            optimizer.zero_grad()
            model(images).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_a_filter_steps_by_an_orthogonal_matrix_from_a_constant_length() -> None:
    layer = nn.Conv2d(3, 4, 3, bias=False)
    optimizer = ck.Muon(lr=0.1).build(layer.parameters())
    before = layer.weight.detach().clone()
    layer.weight.grad = some_matrix(4, 27, 0).view(4, 3, 3, 3)
    optimizer.step()
    held = before * 2 / before.norm()  # the root of 4 filters
    step = (held - layer.weight.detach()).flatten(1) / 0.1
    values = torch.linalg.svdvals(step)
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_filters_step_as_muon_is_written_down() -> None:
    layer = nn.Conv2d(3, 4, 3, bias=False)
    slow, momentum = layer.weight.detach().double().flatten(1), torch.zeros(4, 27).double()
    optimizer = ck.Muon(lr=0.1, momentum=0.7, sgd_momentum=0.2).build(layer.parameters())
    for step in range(4):
        gradient = some_matrix(4, 27, step)  # each time another, or momentum changed nothing
        layer.weight.grad = gradient.view(4, 3, 3, 3)
        optimizer.step()
        momentum = 0.7 * momentum + gradient
        slow = slow * 2 / slow.norm() - 0.1 * alone(gradient + 0.7 * momentum)
    torch.testing.assert_close(layer.weight.detach().flatten(1), slow.float())


def test_a_closure_is_asked_for_the_loss_and_its_gradients() -> None:
    layer = nn.Linear(2, 1)
    before, expected = layer.weight.detach().clone(), layer(torch.ones(1, 2)).item()

    def closure() -> torch.Tensor:
        loss = layer(torch.ones(1, 2)).sum()
        loss.backward()
        return loss

    assert ck.Muon().build(layer.parameters()).step(closure).item() == expected
    assert not torch.equal(layer.weight, before)


def test_a_weight_without_a_gradient_stays() -> None:
    layer = nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    layer.bias.grad = torch.ones(2)
    ck.Muon().build(layer.parameters()).step()
    assert torch.equal(layer.weight, before)


def test_its_state_can_be_saved_and_taken_up() -> None:
    def stepped(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
        for step in range(steps):
            optimizer.zero_grad()
            model(some_matrix(2, 27, step).view(2, 3, 3, 3)).square().sum().backward()
            optimizer.step()

    with ck.seeded("weights", 0):
        one, other = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
    first = ck.Muon().build(one.parameters())
    stepped(one, first, 3)
    other.load_state_dict(one.state_dict())
    second = ck.Muon().build(other.parameters())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    stepped(one, first, 2)
    stepped(other, second, 2)
    assert torch.equal(one.weight, other.weight)


def test_muon_learns(tiny: ck.Splits) -> None:
    run = ck.train("batchnorm", tiny, epochs=4, batch_size=32, optimizer=ck.Muon(bias_lr=0.1))
    losses = run.history.column("train_loss")
    assert losses[-1] < losses[0]
