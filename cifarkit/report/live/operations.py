"""The operations that a live network may use: how each step of torch is written for the page.

`torch.export` writes a network as a list of calls, whatever its `forward` looks like. Each entry of
`OPERATIONS` turns one of these calls into a step that `network.js` knows. Shapes in a step have no
batch, because a page shows one picture at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["OPERATIONS", "Call", "Signal", "Step", "UnsupportedCallError", "Writer", "known"]

Step = dict[str, Any]  # "op", "from" (the numbers of its inputs), "shape", and its settings
Window = tuple[int, int]  # from the first pixel to the one behind the last


class UnsupportedCallError(Exception):
    """A call that no step stands for; its text says why."""


@dataclass(frozen=True)
class Signal:
    """What flows through the network: the number of the step that made it, and its shape."""

    index: int
    shape: tuple[int, ...]


class Writer(Protocol):
    """What a translation may ask for."""

    def tensor(self, numbers: Tensor) -> int:
        """Store the numbers of a weight, and return their index."""

    def constant(self, numbers: Tensor) -> Signal:
        """Write a step that gives these numbers."""


@dataclass(frozen=True)
class Call:
    """One call of torch: its arguments by name, the shape of its result, and the writer."""

    arguments: dict[str, Any]
    shape: tuple[int, ...]
    writer: Writer

    def __getitem__(self, name: str) -> Any:
        """Return an argument."""
        return self.arguments[name]

    def signal(self, name: str, dimensions: int | None = None) -> Signal:
        """Return an argument that must depend on the picture, with so many dimensions."""
        found = self.arguments[name]
        if not isinstance(found, Signal):
            raise UnsupportedCallError(f"its {name} does not depend on the picture")
        if dimensions is not None and len(found.shape) != dimensions:
            shape = " ".join(["batch", *map(str, found.shape)])
            raise UnsupportedCallError(f"its input is {shape}")
        return found

    def weight(self, name: str) -> int | None:
        """Store an argument that must not depend on the picture."""
        found = self.arguments[name]
        if isinstance(found, Signal):
            raise UnsupportedCallError(f"its {name} depends on the picture")
        return None if found is None else self.writer.tensor(found)


def _convolution(call: Call) -> Step:
    signal, padding = call.signal("input", 3), call["padding"]
    dilation = _pair(call["dilation"])
    if isinstance(padding, str):
        kernel = call["weight"].shape[2:]
        totals = [
            span * (side - 1) * (padding == "same")
            for span, side in zip(dilation, kernel, strict=True)
        ]
        if any(total % 2 for total in totals):
            raise UnsupportedCallError("its padding differs between two opposite sides")
        padding = [total // 2 for total in totals]
    return {
        "op": "convolution",
        "from": [signal.index],
        "weight": call.weight("weight"),
        "bias": call.weight("bias"),
        "stride": _pair(call["stride"]),
        "padding": _pair(padding),
        "dilation": dilation,
        "groups": call["groups"],
    }


def _linear(call: Call) -> Step:
    signal = call.signal("input", 1)
    weights = {name: call.weight(name) for name in ("weight", "bias")}
    return {"op": "linear", "from": [signal.index], **weights}


def _batch_norm(call: Call) -> Step:
    """Write batch norm in evaluation, which scales and shifts each channel."""
    mean, variance = call["running_mean"].double(), call["running_var"].double()
    scale = 1 / torch.sqrt(variance + call["eps"])
    if call["weight"] is not None:
        scale = scale * call["weight"].double()
    shift = -mean * scale
    if call["bias"] is not None:
        shift = shift + call["bias"].double()
    return {
        "op": "affine",
        "from": [call.signal("input").index],
        "scale": call.writer.tensor(scale.float()),
        "shift": call.writer.tensor(shift.float()),
    }


def _group_norm(call: Call) -> Step:
    weights = {name: call.weight(name) for name in ("weight", "bias")}
    settings = {"groups": call["num_groups"], "epsilon": call["eps"]}
    return {"op": "group_norm", "from": [call.signal("input").index], **weights, **settings}


def _activation(op: str, **settings: str) -> Callable[[Call], Step]:
    """Translate a function of single numbers; settings name torch's arguments."""

    def translate(call: Call) -> Step:
        values = {ours: call[theirs] for ours, theirs in settings.items()}
        return {"op": op, "from": [call.signal("self").index], **values}

    return translate


def _gelu(call: Call) -> Step:
    op = "gelu" if call["approximate"] == "none" else "gelu_tanh"
    return {"op": op, "from": [call.signal("self").index]}


def _elu(call: Call) -> Step:
    if call["scale"] != 1 or call["input_scale"] != 1:
        raise UnsupportedCallError("it scales, as SELU does")
    return {"op": "elu", "from": [call.signal("self").index], "alpha": call["alpha"]}


def _clamp(call: Call) -> Step:
    low, high = call["min"], call["max"]
    if low is None or high is None:
        raise UnsupportedCallError("it has one limit, and needs two")
    return {"op": "clamp", "from": [call.signal("self").index], "low": low, "high": high}


def _max_pool(call: Call) -> Step:
    if _pair(call["dilation"]) != [1, 1]:
        raise UnsupportedCallError("it is dilated")
    return _pool("max_pool", call)


def _mean_pool(call: Call) -> Step:
    if call["ceil_mode"] or call["divisor_override"]:
        raise UnsupportedCallError("it has ceil_mode or divisor_override")
    area = math.prod(_pair(call["kernel_size"]))
    with_padding = call["count_include_pad"]
    return _pool("mean_pool", call) | {"divisor": area if with_padding else None}


def _pool(op: str, call: Call) -> Step:
    """Write a pooling as the windows of its outputs, cut where they leave the picture."""
    signal, kernel = call.signal("self", 3), _pair(call["kernel_size"])
    stride, padding = _pair(call["stride"] or kernel), _pair(call["padding"])
    windows = []
    for axis in (0, 1):
        length, outputs = signal.shape[1 + axis], call.shape[1 + axis]
        starts = [index * stride[axis] - padding[axis] for index in range(outputs)]
        windows.append([(max(x, 0), min(x + kernel[axis], length)) for x in starts])
    return _windowed(op, signal, windows)


def _adaptive(op: str) -> Callable[[Call], Step]:
    def translate(call: Call) -> Step:
        signal = call.signal("self", 3)
        windows = [
            [(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]
            for length, n in zip(signal.shape[1:], call.shape[1:], strict=True)
        ]
        return _windowed(op, signal, windows)

    return translate


def _over_picture(op: str) -> Callable[[Call], Step]:
    """Translate a mean or maximum over all rows and columns."""

    def translate(call: Call) -> Step:
        signal = call.signal("self", 3)
        if sorted(axis % 4 for axis in call["dim"] or ()) != [2, 3]:
            raise UnsupportedCallError(f"it runs over the dimensions {call['dim']}, not (2, 3)")
        return _windowed(op, signal, [[(0, length)] for length in signal.shape[1:]])

    return translate


def _windowed(op: str, signal: Signal, windows: Sequence[Sequence[Window]]) -> Step:
    step = {"op": op, "from": [signal.index], "rows": windows[0], "columns": windows[1]}
    return step if op == "max_pool" else step | {"divisor": None}


def _reshape(call: Call) -> Step:
    return {"op": "reshape", "from": [call.signal("self").index]}


def _slice(call: Call) -> Step:
    signal = call.signal("self")
    axis = _axis(call["dim"], signal)
    start, _, step = slice(call["start"], call["end"], call["step"]).indices(signal.shape[axis])
    return {"op": "slice", "from": [signal.index], "axis": axis, "start": start, "step": step}


def _pad(call: Call) -> Step:
    signal = call.signal("self")
    if call.arguments.get("mode", "constant") != "constant":
        raise UnsupportedCallError(f"its mode is {call['mode']!r}, not 'constant'")
    before = call["pad"][::2][::-1]  # torch begins with the last dimension
    after = call["pad"][1::2][::-1]
    if len(before) > len(signal.shape) or min(*before, *after) < 0:
        raise UnsupportedCallError(f"it pads by {tuple(call['pad'])}")
    before = [0] * (len(signal.shape) - len(before)) + list(before)
    return {"op": "pad", "from": [signal.index], "before": before, "value": call["value"] or 0.0}


def _concatenation(call: Call) -> Step:
    signals = call["tensors"]
    if not all(isinstance(signal, Signal) for signal in signals):
        raise UnsupportedCallError("a part does not depend on the picture")
    axis = _axis(call["dim"], signals[0])
    return {"op": "concatenation", "from": [each.index for each in signals], "axis": axis}


def _arithmetic(op: str) -> Callable[[Call], Step]:
    """Translate an operation on two signals, or on a signal and a constant, with broadcasting."""

    def translate(call: Call) -> Step:
        if call.arguments.get("alpha", 1) != 1 or call.arguments.get("rounding_mode"):
            raise UnsupportedCallError("it has alpha or rounding_mode")
        first, second = (_operand(call, name) for name in ("self", "other"))
        if len(first.shape) != len(second.shape):
            raise UnsupportedCallError(f"its inputs are {first.shape} and {second.shape}")
        return {"op": op, "from": [first.index, second.index]}

    return translate


def _operand(call: Call, name: str) -> Signal:
    found = call[name]
    if isinstance(found, Signal):
        return found
    numbers = torch.as_tensor(found, dtype=torch.float32)
    while numbers.ndim > len(call.shape) and numbers.shape[0] == 1:
        numbers = numbers[0]  # of the batch
    if numbers.ndim > len(call.shape):
        raise UnsupportedCallError("a constant differs between the pictures of a batch")
    return call.writer.constant(
        numbers.reshape(*(1,) * (len(call.shape) - numbers.ndim), *numbers.shape)
    )


def _pair(setting: Any) -> list[int]:
    both = [setting] if isinstance(setting, int) else list(setting)
    return both * 2 if len(both) == 1 else both


def _axis(dimension: int, signal: Signal) -> int:
    """Return a dimension without the batch, from 0."""
    axis = dimension % (len(signal.shape) + 1) - 1
    if axis < 0:
        raise UnsupportedCallError("it runs over the batch")
    return axis


OPERATIONS: dict[str, Callable[[Call], Step]] = {
    "conv2d": _convolution,
    "linear": _linear,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "relu": _activation("relu"),
    "leaky_relu": _activation("leaky_relu", slope="negative_slope"),
    "elu": _elu,
    "gelu": _gelu,
    "silu": _activation("silu"),
    "mish": _activation("mish"),
    "sigmoid": _activation("sigmoid"),
    "tanh": _activation("tanh"),
    "hardswish": _activation("hardswish"),
    "hardsigmoid": _activation("hardsigmoid"),
    "hardtanh": _activation("clamp", low="min_val", high="max_val"),
    "clamp": _clamp,
    "max_pool2d": _max_pool,
    "max_pool2d_with_indices": _max_pool,
    "avg_pool2d": _mean_pool,
    "adaptive_avg_pool2d": _adaptive("mean_pool"),
    "adaptive_max_pool2d": _adaptive("max_pool"),
    "mean": _over_picture("mean_pool"),
    "amax": _over_picture("max_pool"),
    "view": _reshape,
    "_unsafe_view": _reshape,
    "reshape": _reshape,
    "flatten": _reshape,
    "squeeze": _reshape,
    "unsqueeze": _reshape,
    "slice": _slice,
    "pad": _pad,
    "constant_pad_nd": _pad,
    "cat": _concatenation,
    "add": _arithmetic("add"),
    "sub": _arithmetic("subtract"),
    "mul": _arithmetic("multiply"),
    "div": _arithmetic("divide"),
}


def known() -> str:
    """List the operations for a message, without the forms that torch's exporter chooses."""
    return ", ".join(name for name in OPERATIONS if not name.startswith("_"))
