"""Write a network as a program for a web page: a list of steps, and its weights in float16."""

from __future__ import annotations

import base64
import copy
import json
import operator
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import Node

from cifarkit.data.image_set import to_floats
from cifarkit.errors import ExportError
from cifarkit.inspection.layers import layers_of
from cifarkit.models.contract import check_network, grey_images, text_of
from cifarkit.models.winograd import WinogradConv2d
from cifarkit.report.live.operations import (
    OPERATIONS,
    Call,
    Signal,
    Step,
    UnsupportedCallError,
    known,
)

__all__ = ["live_program", "rounded_copy"]

LARGEST = 8_000_000  # bytes of weights: the page is a third larger, as text
FEW = 1_000  # a tensor with at most so many numbers stays in float32, which costs little
BATCH = 2  # pictures while the network is traced: with one, a batch would look like a constant
CURE = "leave out --live (in Python, live=True)"
WITHOUT_EFFECT = {"alias", "clone", "contiguous", "detach", "dropout", "lift_fresh_copy"}


def live_program(network: nn.Module, classes: Sequence[str]) -> dict[str, Any]:
    """Return the program of a network, as JSON types.

    Args:
        network: from `batch 3 32 32` in [-1, 1] to logits `batch classes`.
        classes: the names of the classes.

    Raises:
        ExportError: the network uses an operation that the page does not know, cannot be traced, or
            is too large. Or a weight does not fit into float16.
        ModelContractError: it is not a network.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))
    >>> program = live_program(network, ["cat", "dog", "ship"])
    >>> [step["op"] for step in program["steps"]]
    ['reshape', 'linear']
    """
    plain = _traceable(rounded_copy(network))
    exported = _exported(plain)
    writer = _ProgramWriter(exported)
    for node in exported.graph.nodes:
        if node.op == "call_function":
            writer.write(node)
    (output,) = next(iter(reversed(exported.graph.nodes))).args[0]
    logits = writer.values[output]
    if not isinstance(logits, Signal):
        raise _refusal("its logits do not depend on the picture")
    _check_size(len(writer.data))  # constants of its own included
    zero, last = to_floats(torch.tensor([0, 255], dtype=torch.uint8)).tolist()
    return {
        "classes": list(classes),
        "input": {"scale": (last - zero) / 255, "shift": zero},
        "steps": writer.steps,
        "logits": logits.index,
        "layers": _layers(plain, writer),
        "tensors": writer.tensors,
        "data": base64.b64encode(bytes(writer.data)).decode(),
    }


def rounded_copy(network: nn.Module) -> nn.Module:
    """Return a float32 copy on the CPU, in evaluation mode, whose large weights fit into float16.

    Raises:
        ExportError: there are too many weights, or a weight does not fit.
        ModelContractError: it is not a network.
    """
    check_network(network)
    with _explained("copied"):
        twin = copy.deepcopy(network).cpu().float()
    tensors = [*twin.parameters(), *twin.buffers()]
    size = sum(tensor.numel() * (2 if tensor.numel() > FEW else 4) for tensor in tensors)
    _check_size(size)
    with torch.no_grad():
        for tensor in tensors:
            if tensor.numel() > FEW and tensor.is_floating_point():
                tensor.copy_(tensor.half().float())
                if not tensor.isfinite().all():
                    raise _refusal("a weight is beyond 65,504, the largest float16")
    return twin.to(memory_format=torch.contiguous_format).eval()


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise _refusal(
            f"its numbers take {size / 1e6:.1f} MB on a page, which holds "
            f"{LARGEST / 1e6:.0f} MB at most"
        )


class _PlainConvolution(nn.Module):
    """Compute what a `WinogradConv2d` computes, in one step."""

    def __init__(self, layer: WinogradConv2d) -> None:
        super().__init__()
        self.weight, self.before_pooling = layer.weight, layer.before_pooling

    def forward(self, signal: Tensor) -> Tensor:
        output = torch.conv2d(signal, self.weight, padding=1)
        if self.before_pooling:
            rows, columns = (side - side % 2 for side in output.shape[-2:])
            output = output[:, :, :rows, :columns]
        return output


def _traceable(network: nn.Module) -> nn.Module:
    """Replace the layers whose own algorithm would fill the program with its steps."""
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, WinogradConv2d):
                setattr(parent, name, _PlainConvolution(layer))
    return network


def _exported(network: nn.Module) -> torch.export.ExportedProgram:
    """Trace a network, and replace steps that change a tensor in place.

    Raises:
        ExportError: torch cannot trace it.
    """
    with _explained("traced by torch"), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch, about its own modules
        traced = torch.export.export(network, (grey_images(network, BATCH),), strict=False)
        exported: torch.export.ExportedProgram = traced.run_decompositions({})
    return exported


class _ProgramWriter:
    """The program while it is written.

    Args:
        exported: the traced network.

    Attributes:
        values: what each node of the trace stands for: a signal, or a tensor that is known now.
        steps, tensors, data: the program's.
    """

    def __init__(self, exported: torch.export.ExportedProgram) -> None:
        signature = exported.graph_signature
        known_tensors = {**exported.state_dict, **exported.constants}
        names = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        self.values: dict[Node, Any] = {}
        for node in exported.graph.nodes:
            if node.op == "placeholder":
                weight = known_tensors[names[node.name]] if node.name in names else None
                shape = tuple(node.meta["val"].shape[1:])
                self.values[node] = Signal(0, shape) if weight is None else weight.detach()
        self.steps: list[Step] = []
        self.tensors: list[dict[str, Any]] = []
        self.data = bytearray()
        self._indices: dict[tuple[Any, ...], int] = {}

    def tensor(self, numbers: Tensor) -> int:
        """Store numbers once, many of them in float16 if that is exact, and return their index."""
        is_exact = torch.equal(numbers.half().float(), numbers.float())
        kind = np.float16 if numbers.numel() > FEW and is_exact else np.float32
        content = numbers.contiguous().numpy().astype(f"<{np.dtype(kind).str[1:]}").tobytes()
        key = (kind, tuple(numbers.shape), content)
        if key not in self._indices:
            self._indices[key] = len(self.tensors)
            bytes_each = np.dtype(kind).itemsize
            shape = list(numbers.shape)
            self.tensors.append({"shape": shape, "start": len(self.data), "bytes": bytes_each})
            self.data += content
        return self._indices[key]

    def constant(self, numbers: Tensor) -> Signal:
        """Write a step that gives numbers, whatever the picture."""
        shape = tuple(numbers.shape)
        return self._add({"op": "constant", "from": [], "tensor": self.tensor(numbers)}, shape)

    def write(self, node: Node) -> None:
        """Translate a call of the trace."""
        arguments: Any = torch.fx.map_arg(node.args, self.values.__getitem__)
        named: Any = torch.fx.map_arg(node.kwargs, self.values.__getitem__)
        if node.target is operator.getitem:
            whole, index = arguments
            self.values[node] = whole if isinstance(whole, Signal) and index == 0 else whole[index]
            return
        name = node.target.overloadpacket.__name__  # type: ignore[union-attr]
        if name.startswith("_assert"):
            return
        if not any(isinstance(value, Signal) for value in _flat((arguments, named))):
            if torch.Tag.nondeterministic_seeded in node.target.tags:  # type: ignore[union-attr]
                raise _refusal(f"it calls {name}, which draws random numbers")
            self.values[node] = node.target(*arguments, **named)  # type: ignore[operator]
        elif name in WITHOUT_EFFECT:
            self.values[node] = arguments[0]
        else:
            self.values[node] = self._translated(node, name, arguments, named)

    def _translated(self, node: Node, name: str, arguments: Any, named: Any) -> Signal:
        schema = node.target._schema.arguments  # type: ignore[union-attr]
        defaults = {each.name: each.default_value for each in schema}
        given = dict(zip(defaults, arguments, strict=False))
        try:
            if name not in OPERATIONS:
                raise UnsupportedCallError(f"the page knows {known()}")
            found = node.meta["val"]
            found = found[0] if isinstance(found, tuple) else found
            shape = tuple(map(int, found.shape))
            if shape[:1] != (BATCH,):
                raise UnsupportedCallError("its output does not begin with the batch")
            step = OPERATIONS[name](Call({**defaults, **given, **named}, shape[1:], self))
            _check_settings(step)
        except UnsupportedCallError as error:
            layer = _path(node)
            where = f" in the layer {layer!r}" if layer else ""
            raise _refusal(f"it calls {name}{where}, and {error}") from None
        return self._add(step, shape[1:])

    def _add(self, step: Step, shape: tuple[int, ...]) -> Signal:
        self.steps.append({**step, "shape": list(shape)})
        return Signal(len(self.steps), shape)  # 0 is the picture


def _layers(network: nn.Module, writer: _ProgramWriter) -> list[dict[str, Any]]:
    """Return the layers whose outputs the page can show: name, kind and the number of the step."""
    last: dict[str, Signal] = {}
    for node, value in writer.values.items():
        for path, _ in node.meta.get("nn_module_stack", {}).values():
            if isinstance(value, Signal):
                last[path] = value
    return [
        {"name": layer.name, "kind": _kind(layer.module), "value": last[layer.name].index}
        for layer in layers_of(network)
        if layer.name in last and last[layer.name].shape == layer.shape
    ]


def _kind(module: nn.Module) -> str:
    return "Conv2d" if isinstance(module, _PlainConvolution) else type(module).__name__


def _path(node: Node) -> str:
    """Return the name of the innermost layer that made a call."""
    paths: list[str] = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return paths[-1] if paths else ""


def _check_settings(step: Step) -> None:
    """Refuse a step that JSON cannot hold: a setting may be infinite, or computed as a tensor.

    Raises:
        UnsupportedCallError: it cannot be written.
    """
    try:
        json.dumps(step, allow_nan=False)
    except (TypeError, ValueError):
        raise UnsupportedCallError("a setting of it is not a finite number") from None


def _flat(value: Any) -> list[Any]:
    if isinstance(value, Signal) or not isinstance(value, list | tuple | dict):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [each for part in parts for each in _flat(part)]


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn any error in a block into an ExportError: a network may raise anything."""
    try:
        yield
    except Exception as error:
        raise _refusal(f"it cannot be {what} ({text_of(error)})") from error


def _refusal(reason: str) -> ExportError:
    return ExportError(f"the network cannot run in a page: {reason}; {CURE}")
