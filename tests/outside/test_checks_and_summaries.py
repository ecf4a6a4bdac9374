"""Networks as other people write them: what is said of them, and what a summary counts."""

from __future__ import annotations

import functools
import io
import math
import sys
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

import cifarkit as ck
from cifarkit.models.symptoms import bounds_of, symptoms
from cifarkit.randomness import generator_for

zoo = torchvision.models


class Small(nn.Module):
    """A convolution with batch norm, and a linear layer."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Linear(8 * 16 * 16, num_classes)

    def forward(self, x: Tensor) -> Any:
        return self.last(F.relu(self.norm(self.conv(x))).flatten(1))


# What a network gives in place of logits.

Pair = namedtuple("Pair", ["logits", "auxiliary"])


@dataclass
class Answer:
    loss: Tensor | None
    logits: Tensor


class Outputs(OrderedDict[str, Any]):
    """A dict whose items are attributes too, as Hugging Face's outputs are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def giving(change: Callable[[nn.Module, Tensor], Any]) -> nn.Module:
    class Giving(Small):
        def forward(self, x: Tensor) -> Any:
            return change(self, super().forward(x))

    return Giving()


OUTPUTS: list[tuple[str, Callable[[nn.Module, Tensor], Any], str]] = [
    ("a named tuple", lambda net, y: Pair(y, y), "found Pair, so wrap it:.*self.network(x).logits"),
    ("a dict", lambda net, y: {"aux": y[:, :2], "out": y}, 'found dict.*self.network(x)["out"]'),
    ("an output", lambda net, y: Outputs(loss=None, logits=y), "found Outputs.*(x).logits"),
    ("a dataclass", lambda net, y: Answer(None, y), "found Answer.*self.network(x).logits"),
    ("a tuple", lambda net, y: (y, y[:, :2]), "found tuple.*self.network(x)[0]"),
    ("features first", lambda net, y: (y[:, :4], y), "found tuple.*self.network(x)[1]"),
    ("a list", lambda net, y: [y], "found list.*self.network(x)[0]"),
    ("nothing", lambda net, y: None, "found NoneType; return the logits at the end of forward"),
    ("complex numbers", lambda net, y: y + 0j, "found torch.complex64; return logits.abs()"),
]


def matches(text: str, wanted: str) -> bool:
    """Return whether the parts between `.*` come in this order."""
    place = 0
    for part in wanted.split(".*"):
        place = text.find(part, place)
        if place < 0:
            return False
    return True


def every_caller(model: nn.Module, data: ck.Splits) -> dict[str, Callable[[], object]]:
    return {
        "summary": lambda: ck.summary(model),
        "evaluate": lambda: ck.evaluate(model, data.test),
        "predict": lambda: ck.predict(model, data.test.images[:2]),
        "fit": lambda: ck.Trainer(ck.Recipe(epochs=1)).fit(model, data),
    }


@pytest.mark.parametrize(("what", "change", "said"), OUTPUTS, ids=[one[0] for one in OUTPUTS])
def test_what_is_no_logits_is_refused_everywhere_with_the_wrapper(
    what: str, change: Callable[[nn.Module, Tensor], Any], said: str, tiny: ck.Splits
) -> None:
    model = giving(change)
    calls = every_caller(model, tiny)
    calls["check_model"] = lambda: ck.check_model(lambda *, num_classes=10: model)
    for name, call in calls.items():
        with pytest.raises(ck.ModelContractError) as caught:
            call()
        # Without a number of classes, features may be taken for logits.
        if what != "features first" or name in ("fit", "check_model"):
            assert matches(" ".join(str(caught.value).split()), said), name


def test_the_wrapper_that_is_shown_works(tiny: ck.Splits) -> None:
    model = giving(lambda net, y: {"scores": y})
    with pytest.raises(ck.ModelContractError) as caught:
        ck.evaluate(model, tiny.test)
    names: dict[str, Any] = {"nn": nn}
    exec(str(caught.value).partition("wrap it:\n")[2], names)
    assert 0 <= ck.evaluate(names["Logits"](model), tiny.test).accuracy <= 1


def test_auxiliary_heads_in_training_are_refused_and_the_wrapper_trains(tiny: ck.Splits) -> None:
    model = giving(lambda net, y: Pair(y, y) if net.training else y)
    with pytest.raises(ck.ModelContractError, match=r"in training mode .* found Pair") as caught:
        ck.Trainer(ck.Recipe(epochs=1)).fit(model, tiny)
    names: dict[str, Any] = {"nn": nn}
    exec(str(caught.value).partition("wrap it:\n")[2], names)
    ck.Trainer(ck.Recipe(epochs=1)).fit(names["Logits"](model), tiny)


# What a network takes.


class Wants(nn.Module):
    """A network for pictures of another shape, that says so in an error of torch's or its own."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape
        self.last = nn.Linear(math.prod(shape), 10)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.shape:
            raise AssertionError
        return self.last(x.flatten(1))


@pytest.mark.parametrize(
    ("shape", "cure"),
    [
        ((3, 64, 64), r"it takes batch 3 64 64: write nn.Sequential\(nn.Upsample\(64\), network\)"),
        ((3, 96, 96), r"nn.Upsample\(96\)"),
        ((3072,), r"it takes batch 3072: write nn.Sequential\(nn.Flatten\(\), network\)"),
        ((1, 28, 28), r"it takes batch 1 28 28: give its first layer 3 channels"),
        ((32, 32, 3), r"let forward begin with x = x.permute\(0, 2, 3, 1\)"),
        ((7, 9), r"AssertionError: at test_checks_and_summaries.py:\d+, raise AssertionError"),
    ],
)
def test_a_network_for_other_pictures_is_refused_everywhere_with_the_way(
    shape: tuple[int, ...], cure: str, tiny: ck.Splits
) -> None:
    for call in every_caller(Wants(*shape), tiny).values():
        with pytest.raises(ck.ModelContractError, match=rf"batch 3 32 32: .*{cure}"):
            call()


def test_the_layer_that_is_shown_makes_it_work(tiny: ck.Splits) -> None:
    model = nn.Sequential(nn.Upsample(64), Wants(3, 64, 64))
    assert 0 <= ck.evaluate(model, tiny.test).accuracy <= 1


@pytest.mark.parametrize("error", [KeyError("boom"), AttributeError("no"), ZeroDivisionError()])
def test_a_networks_own_error_is_typed_everywhere(error: Exception, tiny: ck.Splits) -> None:
    def raises(net: nn.Module, y: Tensor) -> Any:
        raise error

    for call in every_caller(giving(raises), tiny).values():
        with pytest.raises(ck.ModelContractError, match=type(error).__name__) as caught:
            call()
        assert caught.value.__cause__ is error


# How a network is made.


class Course(nn.Module):
    def __init__(self, n_classes: int = 10) -> None:
        super().__init__()
        self.net = Small(n_classes)

    def forward(self, x: Tensor) -> Any:
        return self.net(x)


def without_classes() -> nn.Module:
    return Small()


def with_depth(num_classes: int, depth: int) -> nn.Module:
    return Small(num_classes)


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (Course, r"def my_model\(\*, num_classes=10\): return Course\(n_classes=num_classes\)"),
        (without_classes, r"make net = without_classes\(\), put nn.Linear\(…, num_classes\)"),
        (lambda: Small(), r"make net = factory\(\), put nn.Linear"),
        (functools.partial(Small, 10), r"make net = Small\(\), put"),
        (
            with_depth,
            r"missing a required argument: 'depth'. Write it as .* a default for every argument",
        ),
    ],
)
def test_a_factory_without_num_classes_is_shown_its_builder(
    factory: Callable[..., nn.Module], said: str
) -> None:
    with pytest.raises(ck.ModelContractError, match=said):
        ck.register_model("foreign")(factory)


@pytest.mark.parametrize(
    "factory",
    [
        Small,
        lambda num_classes: Small(num_classes),
        lambda **options: Small(**options),
        functools.partial(Small),
        functools.partial(zoo.squeezenet1_1, weights=None),
        lambda *, num_classes=10: torch.fx.symbolic_trace(Small(num_classes)),
        lambda *, num_classes=10: nn.DataParallel(Small(num_classes)),
        lambda *, num_classes=10: torch.jit.trace(
            Small(num_classes).eval(), torch.zeros(2, 3, 32, 32)
        ),
    ],
)
@pytest.mark.filterwarnings(
    "ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning"
)
def test_a_factory_of_any_form_is_a_builder(factory: Callable[..., nn.Module]) -> None:
    assert ck.check_model(factory).failed == ()


def test_weights_for_other_classes_are_refused_with_the_way() -> None:
    ck.register_model("pretrained", options={"weights": "DEFAULT"})(zoo.squeezenet1_1)
    with pytest.raises(ck.ModelContractError, match=r"expected value 1000 .* in place of its last"):
        ck.create_model("pretrained")


def test_an_error_of_a_factory_is_typed_and_chained() -> None:
    def broken(*, num_classes: int = 10) -> nn.Module:
        raise OSError("no such file")

    ck.register_model("broken")(broken)
    with pytest.raises(ck.ModelContractError, match="cannot be built: OSError: no such") as caught:
        ck.create_model("broken")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_state_that_cannot_be_saved_is_said_by_check_and_training_alike(tiny: ck.Splits) -> None:
    class Remembers(Small):
        def get_extra_state(self) -> dict[str, int]:
            return {"steps": 3}

        def set_extra_state(self, state: dict[str, int]) -> None:
            pass

    said = "keeps a dict in its state"
    with pytest.raises(ck.ModelContractError, match=said):
        ck.check_model(Remembers)
    with pytest.raises(ck.ModelContractError, match=said):
        ck.Trainer(ck.Recipe(epochs=1)).fit(Remembers(), tiny)


class Complex(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3072, num_classes, dtype=torch.complex64) / 50)

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1).to(torch.complex64) @ self.weight).abs()


@pytest.mark.parametrize("optimizer", [ck.SGD(lr=0.01), ck.Adam(), ck.AdamW()])
def test_complex_weights_train(optimizer: ck.Optimizer, tiny: ck.Splits) -> None:
    model = Complex()
    before = model.weight.detach().clone()
    ck.Trainer(ck.Recipe(epochs=1, optimizer=optimizer)).fit(model, tiny)
    assert not torch.equal(model.weight, before)


def test_complex_weights_pass_the_check() -> None:
    assert ck.check_model(Complex).failed == ()


# Accusations need evidence.


def batch() -> tuple[Tensor, Tensor]:
    return torch.rand(10, 3, 32, 32, generator=generator_for("outside")) * 2 - 1, torch.arange(10)


def fresh(name: str) -> nn.Module:
    with ck.seeded("weights", 0):
        return zoo.get_model(name, weights=None, num_classes=10)


@pytest.mark.parametrize(
    "name",
    [
        *("mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "mnasnet0_5", "resnet18"),
        *("shufflenet_v2_x0_5", "squeezenet1_0", "squeezenet1_1", "regnet_y_400mf"),
    ],
)
def test_a_fresh_network_of_torchvisions_is_accused_of_nothing(name: str) -> None:
    assert symptoms(fresh(name), *batch()) == []


def classifier(*end: nn.Module) -> nn.Module:
    with ck.seeded("weights", 0):
        return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, 10), *end)


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (nn.Softmax(1), "probabilities"),
        (nn.Sigmoid(), "numbers between 0 and 1, as after a sigmoid,"),
        (nn.Hardsigmoid(), "numbers between 0 and 1, as after a sigmoid,"),
        (nn.Softmax(0), "numbers between 0 and 1, as after a sigmoid,"),
        (nn.Tanh(), "numbers between -1 and 1, as after a tanh,"),
        (nn.Identity(), ""),
        (nn.LogSoftmax(1), ""),
        (nn.ReLU(), ""),
        (nn.ReLU6(), ""),
        (nn.GELU(), ""),
        (nn.Softplus(), ""),
        (nn.LayerNorm(10), ""),
    ],
)
@pytest.mark.parametrize("zeros", [False, True])
def test_only_what_keeps_its_bounds_is_bound(end: nn.Module, found: str, zeros: bool) -> None:
    model = classifier(end)
    if zeros:  # a last layer that begins at zero hides nothing
        nn.init.zeros_(model[2].weight)  # type: ignore[index, arg-type]
        nn.init.zeros_(model[2].bias)  # type: ignore[index, arg-type]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert bounds_of(model, batch()[0]) == found
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())


@pytest.mark.parametrize("last", [nn.ReLU(), nn.Sigmoid()])
def test_training_and_check_say_the_same(last: nn.Module, tiny: ck.Splits) -> None:
    def build(*, num_classes: int = 10) -> nn.Module:
        return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, num_classes), last)

    is_bound = isinstance(last, nn.Sigmoid)
    said = "numbers between 0 and 1, as after a sigmoid"
    if not is_bound:
        ck.check_model(build)
        ck.Trainer(ck.Recipe(epochs=1)).fit(build(), tiny)
        return
    with pytest.raises(ck.ModelContractError, match="plain logits"):
        ck.check_model(build)
    with pytest.warns(ck.CifarkitWarning, match=said):
        ck.Trainer(ck.Recipe(epochs=1)).fit(build(), tiny)


def test_a_dead_network_with_dropout_is_found() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 16), nn.ReLU(), nn.Dropout(0.5))
    nn.init.constant_(model[1].bias, -100)  # type: ignore[arg-type]
    (found,) = symptoms(nn.Sequential(*model, nn.Linear(16, 10)), *batch())
    assert found.startswith("every picture gets the same logits")


# What a summary counts.


def counted_by_torch(model: nn.Module) -> int:
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):  # with gradients, nothing is fused
        model.eval()(torch.zeros(1, 3, 32, 32))
    return counter.get_total_flops() // 2


class Attends(nn.Module):
    """A vision transformer with a class token, around any encoder."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.encoder = encoder
        self.last = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = self.encoder(torch.cat([self.token.expand(len(x), -1, -1), x], 1))
        return self.last(x[:, 0])  # type: ignore[no-any-return]


class OwnAttention(nn.Module):
    def __init__(self, by: str) -> None:
        super().__init__()
        self.by = by
        self.weights = nn.Parameter(torch.randn(48, 16) / 4)
        self.scale = nn.Parameter(torch.ones(16))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = F.linear(x, self.weights).chunk(3, -1)
        if self.by == "einsum":
            weights = torch.einsum("bqc,bkc->bqk", q, k).softmax(-1)
            return x + self.scale * torch.einsum("bqk,bkc->bqc", weights, v)
        if self.by == "sdpa":
            return x + self.scale * F.scaled_dot_product_attention(q, k, v)
        return x + self.scale * ((q @ k.transpose(1, 2)).softmax(-1) @ v)


class MultiHead(nn.Module):
    def __init__(self, need_weights: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=self.need_weights)[0]  # type: ignore[no-any-return]


class TokenFirst(nn.Module):
    """A layer whose input is a weight, as the class token of some transformers is."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 3072))
        self.prepare, self.last = nn.Linear(3072, 4, bias=False), nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.prepare(self.token) + self.prepare(x.flatten(1)))  # type: ignore[no-any-return]


class Again(nn.Module):
    """The same block three times."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())
        self.last = nn.Linear(3072, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.block(self.block(self.block(x))).flatten(1))  # type: ignore[no-any-return]


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(32, 32), nn.Linear(32, 32)
        self.two.weight = self.one.weight
        self.last = nn.Linear(3072, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.two(self.one(x)).flatten(1))  # type: ignore[no-any-return]


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def normed() -> nn.Module:
    return nn.Sequential(
        parametrizations.weight_norm(nn.Conv2d(3, 4, 3)),
        nn.Flatten(),
        parametrizations.spectral_norm(nn.Linear(3600, 16)),
        parametrizations.orthogonal(nn.Linear(16, 16)),
        nn.Linear(16, 10),
    )


COUNTED: dict[str, Callable[[], nn.Module]] = {
    "weight, spectral and orthogonal norm": normed,
    "torch's encoder": lambda: Attends(encoder()),
    "torch's attention": lambda: Attends(MultiHead(need_weights=True)),
    "torch's fused attention": lambda: Attends(MultiHead(need_weights=False)),
    "products": lambda: Attends(OwnAttention("matmul")),
    "einsum": lambda: Attends(OwnAttention("einsum")),
    "scaled dot products": lambda: Attends(OwnAttention("sdpa")),
    "a block that is called again": Again,
    "a weight as input": TokenFirst,
    "tied weights": Tied,
    "a traced graph": lambda: torch.fx.symbolic_trace(Small()),
    "parallel": lambda: nn.DataParallel(Small()),
    "transposed": lambda: nn.Sequential(
        nn.ConvTranspose2d(3, 4, 2, stride=2), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(256, 10)
    ),
    "bilinear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(3072, 10, bias=False)),
    "torchvision's swin": lambda: fresh("swin_t"),
    "torchvision's convnext": lambda: fresh("convnext_tiny"),
}


@pytest.mark.parametrize("name", COUNTED)
def test_rows_sum_to_totals_and_totals_are_torchs(name: str) -> None:
    model = COUNTED[name]()
    table = ck.summary(model)
    assert sum(row.parameters for row in table.layers) == table.parameters
    assert table.parameters == sum(w.numel() for w in model.parameters() if w.requires_grad)
    assert sum(row.multiply_adds for row in table.layers) == table.multiply_adds
    assert table.multiply_adds == counted_by_torch(model) > 0
    assert all(row.multiply_adds >= 0 for row in table.layers)


def test_what_belongs_to_no_layer_has_a_row() -> None:
    rows = {row.name: row for row in ck.summary(Attends(OwnAttention("matmul"))).layers}
    assert list(rows) == ["", "patches", "encoder", "last"]
    assert (rows[""].kind, rows[""].parameters, rows[""].multiply_adds) == ("Attends", 16, 0)
    # 17 tokens: to queries, keys and values, then each with each, twice
    assert rows["encoder"].multiply_adds == 17 * 16 * 48 + 2 * 17 * 17 * 16


def test_a_block_that_is_called_again_has_its_weights_once_and_its_work_each_time() -> None:
    rows = [row for row in ck.summary(Again()).layers if row.kind == "Conv2d"]
    assert [row.parameters for row in rows] == [84, 0, 0]
    assert [row.multiply_adds for row in rows] == [81 * 1024] * 3


def test_a_recurrent_layer_is_counted_by_hand() -> None:
    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows = nn.LSTM(96, 8, batch_first=True)
            self.last = nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            outputs, _ = self.rows(x.permute(0, 2, 1, 3).flatten(2))
            return self.last(outputs[:, -1])  # type: ignore[no-any-return]

    rows, last = ck.summary(Rows()).layers
    assert rows.multiply_adds == 32 * 4 * 8 * (96 + 8)  # steps, gates, units, inputs
    assert last.multiply_adds == 80


@pytest.mark.filterwarnings(
    "ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning"
)
def test_a_scripted_network_is_one_row_with_all_its_work() -> None:
    model = Small()
    expected = ck.summary(model)
    (row,) = ck.summary(torch.jit.script(model)).layers
    assert (row.kind, row.parameters) == ("Small", expected.parameters)
    assert row.multiply_adds == expected.multiply_adds


def test_a_summary_leaves_torchs_switches_as_they_were() -> None:
    before = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    ck.summary(Attends(encoder()))
    assert (torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled) == before


# A check that takes long.


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_a_check_says_where_it_is_to_those_who_watch(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)  # a notebook would keep every line
    ck.check_model("linear")
    said = stream.getvalue()
    assert ("linear: check 3 of 17, logits" in said) is stream.isatty()
    assert said.rpartition("\r")[2] == ""  # the line is gone at the end
    assert capsys.readouterr().out == ""


def test_a_factor_of_numpys_in_forward_is_no_fault() -> None:
    class Shakes(Small):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x * np.random.uniform(0.5, 1.5) if self.training else x)

    assert ck.check_model(Shakes).failed == ()
