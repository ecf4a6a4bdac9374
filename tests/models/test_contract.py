from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cifarkit as ck
from cifarkit.models.contract import check_logits, check_module, check_network
from cifarkit.modes import in_evaluation


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"found None; ck\.create_model\(name\) builds one"),
        (5, r"found 5; ck\.create_model\(name\) builds one"),
        ("mlp", r"found 'mlp'; ck\.create_model\('mlp'\) builds one"),
        (nn.Linear, r"found the class Linear; call it: Linear\("),
    ],
)
def test_an_argument_that_is_no_network_is_not_blamed_on_a_builder(
    given: Any, message: str
) -> None:
    with pytest.raises(ck.ModelContractError, match=rf"the model must be an nn\.Module, {message}"):
        check_network(given)


def test_a_run_in_place_of_its_network_is_told_where_it_is(tiny: ck.Splits) -> None:
    run = ck.train("linear", tiny, epochs=1)
    with pytest.raises(ck.ModelContractError, match=r"found Run\(.*; pass its \.model"):
        check_network(run)


def test_a_folder_with_a_run_is_told_from_a_name(
    tiny: ck.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mlp").mkdir()
    ck.train("linear", tiny, epochs=1, run_dir="mine")
    for given, message in (
        ("mine", r"ck\.load_run\('mine'\)\.model is the network of the run there"),
        ("mlp", r"ck\.create_model\('mlp'\) builds one"),
    ):
        with pytest.raises(ck.ModelContractError, match=message):
            check_network(given)


class Gives(nn.Module):
    """A network whose output is made by a function, for all that can go wrong there."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.function = function

    def forward(self, images: Tensor) -> Any:
        return self.function(images)


def logits(images: Tensor) -> Tensor:
    return images.flatten(1)[:, :10]


def ends_in_an_error(images: Tensor) -> Tensor:
    raise IndexError("no such layer")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda: None, "gave None in place of a network; did you forget to return"),
        (lambda: nn.Linear, r"gave the class Linear in place of a network; call it: Linear\("),
        (lambda: [nn.Linear(1, 1)], r"gave \[Linear\(.* return an nn\.Module"),
        (lambda: "resnet20", r"ck\.create_model\('resnet20'\) builds one"),
        (lambda: lambda images: images, "gave <function .* return an nn.Module"),
        (lambda: "x" * 100_000, r"gave 'x{56}\.\.\. in place"),
        (lambda: Gives(lambda images: (logits(images),)), "float tensor of logits, found tuple"),
        (lambda: Gives(lambda images: {"a": logits(images)}), "float tensor of logits, found dict"),
        (lambda: Gives(lambda images: None), "float tensor of logits, found NoneType"),
        (lambda: Gives(lambda images: logits(images).long()), r"logits, found torch\.int64"),
        (lambda: Gives(lambda images: logits(images) > 0), r"logits, found torch\.bool"),
        (lambda: Gives(lambda images: logits(images) + 0j), r"logits, found torch\.complex64"),
        (lambda: Gives(lambda images: logits(images)[:, :9]), "found 2 9 for a batch of 2"),
        (lambda: Gives(lambda images: logits(images)[:1]), "found 1 10 for a batch of 2"),
        (lambda: Gives(lambda images: logits(images).T), "found 10 2 for a batch of 2"),
        (lambda: Gives(lambda images: logits(images)[0]), "found 10 for a batch of 2"),
        (lambda: Gives(lambda images: logits(images)[:, :, None]), "found 2 10 1 for a batch"),
        (lambda: Gives(lambda images: logits(images).sum()), "must give logits batch classes"),
        (lambda: Gives(ends_in_an_error), "does not take images .* IndexError: no such layer"),
        (lambda: nn.Linear(3, 10), "does not take images batch 3 32 32: RuntimeError"),
        (lambda: nn.Module(), "does not take images batch 3 32 32: NotImplementedError"),
    ],
)
def test_a_broken_builder_is_named_with_its_place(
    returned: Callable[[], Any], message: str
) -> None:
    @ck.register_model("broken")
    def broken(*, num_classes: int = 10) -> Any:
        return returned()

    with pytest.raises(ck.ModelContractError) as caught:
        ck.create_model("broken")
    text = str(caught.value)
    assert re.search(message, text, re.DOTALL)
    source = f"test_contract.py:{broken.__code__.co_firstlineno}"
    assert text.startswith("'broken' (")
    assert source in text
    assert len(text) < 1_000


def test_a_builder_that_ignores_num_classes_is_caught() -> None:
    @ck.register_model("stubborn")
    def stubborn(*, num_classes: int = 10) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))

    ck.create_model("stubborn")
    with pytest.raises(ck.ModelContractError, match=r"2 7; found 2 10 .* width num_classes"):
        ck.create_model("stubborn", num_classes=7)


def test_the_cause_of_a_failing_network_is_chained() -> None:
    with pytest.raises(ck.ModelContractError) as caught:
        check_logits(Gives(ends_in_an_error), 10, "mine")
    assert isinstance(caught.value.__cause__, IndexError)


class Noisy(nn.Module):
    """Counts, draws and normalises, so that any trace of a check shows."""

    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.frozen_norm = nn.BatchNorm2d(3)
        self.drop = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))
        self.last = nn.Linear(3072, 10)
        self.fails = fails

    def forward(self, images: Tensor) -> Tensor:
        images = self.drop(self.frozen_norm(self.norm(images))) + torch.randn(())
        if self.fails:
            raise IndexError
        return self.last(images.flatten(1))


def observed(model: nn.Module) -> tuple[Any, ...]:
    modes = [module.training for module in model.modules()]
    state = {name: tensor.tolist() for name, tensor in model.state_dict().items()}
    return modes, state, torch.get_rng_state().tolist()


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("start", ["train", "eval", "mixed"])
def test_a_network_is_left_as_it_was_found(fails: bool, start: str) -> None:
    model = Noisy(fails)
    model.train(start != "eval")
    if start == "mixed":
        model.frozen_norm.eval()
        model.drop[1].eval()
    before = observed(model)
    try:
        check_logits(model, 10, "mine")
    except ck.ModelContractError:
        assert fails
    assert observed(model) == before
    assert all(weight.grad is None for weight in model.parameters())


def test_a_network_that_is_only_run_would_show_it() -> None:
    model = Noisy(fails=False)
    before = observed(model)
    model(torch.ones(2, 3, 32, 32))
    assert observed(model) != before


def test_in_evaluation_every_layer_is_in_evaluation_mode() -> None:
    model = Noisy(fails=False)
    with in_evaluation(model):
        assert not any(module.training for module in model.modules())
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float32])
def test_a_network_of_any_float_type_passes(dtype: torch.dtype) -> None:
    check_logits(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).to(dtype), 10, "mine")


def test_a_network_without_weights_passes() -> None:
    check_logits(Gives(logits).requires_grad_(False), 10, "mine")
    check_logits(nn.Sequential(nn.Flatten(), nn.AvgPool1d(307)), 10, "mine")


def test_lazy_layers_are_filled_in() -> None:
    ck.register_model("lazy")(
        lambda *, num_classes=10: nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))
    )
    assert ck.create_model("lazy", num_classes=4)[1].weight.shape == (4, 3072)  # type: ignore[index]


def test_any_module_is_a_network() -> None:
    check_module(nn.Identity(), "mine")
    with pytest.raises(TypeError, match="mine gave 3"):
        check_module(3, "mine")
