"""Whether Python has a say in a network, as the tracer finds it out."""

from __future__ import annotations

import copy
import itertools
import random
from collections import Counter
from dataclasses import dataclass
from types import FunctionType

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import optimizer as optimizers

import cifarkit as ck
from cifarkit.training import tracing
from cifarkit.training.forward import can_trace, forward
from cifarkit.training.tracing import decides_nothing, has_hooks, is_known

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # the tracer's, on what stops it
needs_tracer = pytest.mark.skipif(not can_trace(), reason="the tracer of torch 2.6 is not used")
BATCH = ck.Batch(torch.rand(4, 3, 32, 32) * 2 - 1, torch.arange(4))
KINDS = {
    "looks at a number": False,
    "asks Python's chance for a branch": False,
    "asks Python's chance for a number": False,
    "asks torch's chance for a branch": False,
    "takes a number of Python's along": False,
    "makes a tensor of a length that depends": False,
    "counts": False,
    "keeps a list": False,
    "counts in a dict": False,
    "replaces in a list": False,
    "adds to a set": False,
    "counts in a counter": False,
    "counts in an object": False,
    "counts by an iterator": False,
    "counts in its class": False,
    "counts in a global": False,
    "holds itself": False,
    "gives a buffer another tensor": False,
    "writes into a buffer": True,
    "masks": True,
    "does nothing of the kind": True,
}


everywhere = {"calls": 0}


@dataclass
class State:
    calls: int = 0


class OneOf(nn.Module):
    """A network whose way from pictures to logits is one of several."""

    of_all = 0

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.layer = kind, nn.Linear(3072, 10)
        self.calls, self.answers = 0, []
        self.inside, self.last, self.seen = {"calls": [0]}, [None], set()
        self.counter, self.state, self.iterator = Counter(calls=1), State(), itertools.count(1)
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        images = images.flatten(1)
        match self.kind:
            case "looks at a number":
                images = -images if images.mean().item() > 0 else images
            case "asks Python's chance for a branch":
                images = images * 0.5 if random.random() < 0.5 else images
            case "asks Python's chance for a number":
                images = images * random.random()
            case "asks torch's chance for a branch":
                images = images * 0.5 if torch.rand(1) < 0.5 else images
            case "takes a number of Python's along":
                images = images - torch.tensor([0.1])
            case "makes a tensor of a length that depends":
                images = images * images.unique().numel()
            case "counts":
                self.calls += 1
            case "keeps a list":
                self.answers.append(images)
            case "counts in a dict":
                self.inside["calls"][0] += 1
            case "replaces in a list":
                self.last[0] = images
            case "adds to a set":
                self.seen.add(len(images))
            case "counts in a counter":
                self.counter["calls"] += 1
                images = images * self.counter["calls"]
            case "counts in an object":
                self.state.calls += 1
                images = images * self.state.calls
            case "counts by an iterator":
                images = images * next(self.iterator)
            case "counts in its class":
                OneOf.of_all += 1
                images = images * OneOf.of_all
            case "counts in a global":
                everywhere["calls"] += 1
                images = images * everywhere["calls"]
            case "holds itself":
                self.inside["me"] = self.inside
            case "gives a buffer another tensor":
                self.mean = 0.9 * self.mean + 0.1 * images.mean()
            case "writes into a buffer":
                self.mean.mul_(0.9)
            case "masks":
                images = images.clone()
                images[images > 0.5] = 0.5
        return self.layer(images)


@needs_tracer
@pytest.mark.parametrize(("kind", "answer"), KINDS.items())
def test_a_network_in_which_python_has_a_say_is_found_out(kind: str, answer: bool) -> None:
    for _ in range(2):  # the second time it is known from before
        assert decides_nothing(OneOf(kind), BATCH, 0.1) is answer


@needs_tracer
def test_a_network_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10), nn.BatchNorm1d(10)).eval()
    before, chance = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert decides_nothing(model, BATCH, 0.0)
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    assert not model[2].training
    assert all(weight.grad is None for weight in model.parameters())
    assert torch.equal(chance, torch.get_rng_state())


@needs_tracer
def test_many_networks_in_one_process_are_still_traced() -> None:
    for width in range(8, 20):  # torch's own limit is 8
        assert decides_nothing(ck.create_model("mlp", width=width), BATCH, 0.0)


def test_a_tracer_that_is_switched_off_has_seen_nothing() -> None:
    with torch._dynamo.config.patch(disable=True):
        assert not decides_nothing(OneOf("does nothing of the kind"), BATCH, 0.0)


@needs_tracer
@pytest.mark.parametrize("name", ck.list_models())
def test_every_variant_could_be_recorded_on_cuda(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as its tracing goes: with tensors that only pretend to be on CUDA."""
    # Else torch switches bfloat16 off.
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    model, found, elsewhere, graphs = ck.create_model(name).train(), [], [], []
    types: set[torch.dtype] = set()
    device, another = torch.device("cuda:0"), torch.device("cuda:1")

    def inspect(graph: torch.fx.GraphModule, _: list[Tensor]) -> object:
        graphs.append(graph)
        values = [node.meta.get("example_value") for node in graph.graph.nodes]
        types.update(value.dtype for value in values if isinstance(value, Tensor))
        found.extend(tracing._is_fixed(node, device) for node in graph.graph.nodes)
        elsewhere.extend(tracing._is_fixed(node, another) for node in graph.graph.nodes)
        return graph.forward

    with FakeTensorMode(), torch.autocast("cuda", torch.bfloat16):
        for layer in model.modules():
            for key, weight in layer._parameters.items():
                if weight is not None:
                    there = torch.empty(weight.shape, device=device)
                    layer._parameters[key] = nn.Parameter(there, weight.requires_grad)
            for key, kept in layer._buffers.items():
                if kept is not None:
                    layer._buffers[key] = torch.empty(kept.shape, dtype=kept.dtype, device=device)
        images = torch.empty(8, 3, 32, 32, device=device)
        batch = ck.Batch(images, torch.zeros(8, dtype=torch.int64, device=device))
        before = tracing._what_layers_keep(model)
        own = FunctionType(forward.__code__.replace(), forward.__globals__)
        traced = torch.compile(own, backend=inspect, fullgraph=True, dynamic=False)
        for _ in range(2):
            traced(model, batch, 0.1)
        assert tracing._same(before, tracing._what_layers_keep(model))
    assert len(graphs) == 1  # the same way the second time
    assert torch.bfloat16 in types
    assert len(found) > 3
    assert all(found)
    assert not all(elsewhere)


@pytest.mark.parametrize("name", ck.list_models())
def test_every_variant_is_made_of_known_layers(name: str) -> None:
    assert is_known(ck.create_model(name))


def test_what_has_a_way_of_its_own_is_not_known() -> None:
    class Own(nn.Linear):
        pass

    class OwnWeight(nn.Parameter):
        pass

    patched, weighed, noted = (nn.Linear(2, 2) for _ in range(3))
    assert is_known(patched)
    patched.forward = lambda signal: signal
    weighed.weight = OwnWeight(weighed.weight)
    noted.register_buffer("scale", torch.ones(1).as_subclass(OwnTensor))
    parametrized = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    recurrent = nn.LSTM(2, 2)
    for layer in (Own(2, 2), patched, weighed, noted, parametrized, recurrent):
        assert not is_known(layer)
        assert not is_known(nn.Sequential(nn.Flatten(), layer))


class OwnTensor(Tensor):
    pass


def test_a_class_whose_forward_was_replaced_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Flatten(), nn.ReLU())
    assert is_known(network)
    monkeypatch.setattr(nn.ReLU, "forward", lambda layer, signal: signal)
    assert not is_known(network)


def test_hooks_are_found_wherever_they_hang() -> None:
    def model() -> nn.Sequential:
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))

    def optimizer() -> torch.optim.Optimizer:
        return torch.optim.SGD(model().parameters())

    assert not has_hooks(model(), optimizer())
    for hang in (
        lambda one: one.register_forward_hook(print),
        lambda one: one[1].register_forward_pre_hook(print),
        lambda one: one[1].register_full_backward_hook(print),
        lambda one: one[1].weight.register_hook(print),
        lambda one: one[1].bias.register_post_accumulate_grad_hook(print),
    ):
        hung = model()
        hang(hung)
        assert has_hooks(hung, optimizer())
    for listen in ("register_step_pre_hook", "register_step_post_hook"):
        heard = optimizer()
        getattr(heard, listen)(print)
        assert has_hooks(model(), heard)
    for listen_to_all in (
        nn.modules.module.register_module_forward_hook,
        nn.modules.module.register_module_forward_pre_hook,
        nn.modules.module.register_module_full_backward_hook,
        optimizers.register_optimizer_step_pre_hook,
        optimizers.register_optimizer_step_post_hook,
    ):
        hook = listen_to_all(lambda *told: None)
        assert has_hooks(model(), optimizer())
        hook.remove()
    assert not has_hooks(model(), optimizer())
