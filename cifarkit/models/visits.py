"""Follow a picture through a network: which modules it visits, and what each visit costs."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils.flop_counter import FlopCounterMode

from cifarkit.models.winograd import WinogradConv2d

__all__ = ["Visit", "uncompiled", "visits_of"]

PARAMETRIZATIONS = "parametrizations"  # torch's name for the module in a layer that holds them


@dataclass(eq=False)
class Visit:
    """One call of a module.

    Args:
        name: its path in the network.
        module: the module that was called.
        output: the shape of the output for one image, without the batch; of several outputs, the
            first one's shape.
        multiply_adds: the work of this module itself, without the modules that it calls.
        is_layer: whether it calls no other module.
    """

    name: str
    module: nn.Module
    output: tuple[int, ...] = ()
    multiply_adds: int = 0
    is_layer: bool = True

    @property
    def kind(self) -> str:
        """The name of the module's class, or of the class that a scripted module came from."""
        return str(getattr(self.module, "original_name", type(self.module).__name__))


@contextmanager
def visits_of(model: nn.Module) -> Iterator[list[Visit]]:
    """Collect the visits to a network's modules in a block, in the order in which they begin.

    torch's own counter counts the work. In the block, everything that hides work from it is off:
    fused kernels for attention and recurrent layers, and compiled code. The work of a
    parametrization belongs to its layer.

    Args:
        model: the network; show it one image in the block, without gradients.
    """
    inside = f".{PARAMETRIZATIONS}."
    names = {
        id(module): name for name, module in model.named_modules() if inside not in f".{name}."
    }
    counter = FlopCounterMode(display=False)
    visits: list[Visit] = []
    under_way: list[tuple[Visit, int]] = []  # with the operations that were counted before

    def enter(module: nn.Module, _inputs: Any) -> None:
        if id(module) in names:
            if under_way:
                under_way[-1][0].is_layer = False
            visits.append(Visit(names[id(module)], module))
            under_way.append((visits[-1], counter.get_total_flops()))

    def leave(module: nn.Module, _inputs: Any, output: Any) -> None:
        if not under_way or under_way[-1][0].module is not module:
            return
        visit, before = under_way.pop()
        work = (counter.get_total_flops() - before) // 2
        visit.output = _shape(output)
        visit.multiply_adds += _as_defined(visit, work)
        if under_way:  # its caller does not count this work again
            under_way[-1][0].multiply_adds -= work

    hooks = [
        register_module_forward_pre_hook(enter),
        register_module_forward_hook(leave, always_call=True),
    ]
    try:
        with _nothing_fused(), _frozen(model), counter:
            yield visits
    finally:
        for hook in hooks:
            hook.remove()


def uncompiled() -> AbstractContextManager[Any]:
    """Run compiled networks uncompiled in a block, layer by layer."""
    if "torch._dynamo" not in sys.modules:  # then nothing is compiled; the import takes seconds
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Freeze all weights in a block: the counter expects inputs with gradients to have a graph."""
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    try:
        for weight in learning:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in learning:
            weight.requires_grad_(True)


@contextmanager
def _nothing_fused() -> Iterator[None]:
    """Compute attention and recurrent layers without fused kernels in a block."""
    fast, library = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    torch.backends.mha.set_fastpath_enabled(False)
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        with ExitStack() as stack:
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            stack.enter_context(uncompiled())
            stack.enter_context(warnings.catch_warnings())
            # The counter's hooks see a compiled module twice, and torch says so.
            warnings.filterwarnings("ignore", "Using `torch.compile")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.backends.mkldnn.enabled = library


def _shape(output: Any) -> tuple[int, ...]:
    if isinstance(output, tuple | list) and output:  # a recurrent layer gives its state too
        output = output[0]
    return tuple(output.shape[1:]) if isinstance(output, Tensor) else ()


def _as_defined(visit: Visit, work: int) -> int:
    """Return a visit's work, as its layer is defined."""
    if isinstance(visit.module, WinogradConv2d):  # needs fewer
        return visit.module.weight[0].numel() * torch.Size(visit.output).numel()
    return work
