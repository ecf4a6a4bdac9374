"""Check what every network must do when it is first built, not an epoch later."""

from __future__ import annotations

import inspect
import itertools
import traceback
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cifarkit.errors import CifarkitError, ModelContractError
from cifarkit.models.torch_errors import torch_hint
from cifarkit.models.wrappers import input_hint, output_hint, shape_hint
from cifarkit.modes import in_evaluation

__all__ = [
    "check_answer",
    "check_logits",
    "check_module",
    "check_network",
    "check_tensor",
    "grey_images",
    "show_grey",
    "input_like",
    "layout_of",
    "logits_of",
    "run_network",
    "text_of",
]

LONGEST_ERROR = 400  # the message of load_state_dict can fill pages


def check_module(model: Any, who: str) -> None:
    """Refuse a builder's result if it is not a network.

    Args:
        model: what it returned.
        who: the builder, for the message.

    Raises:
        ModelContractError: it is not an `nn.Module` instance, or its weights hold no numbers.
    """
    if not isinstance(model, nn.Module):
        missing = "did you forget to return the network?"
        text, hint = _described(model, missing if model is None else "return an nn.Module")
        raise ModelContractError(f"{who} gave {text} in place of a network; {hint}")
    _check_numbers(model)


def check_network(model: Any) -> None:
    """Refuse an argument that is not a network.

    Raises:
        ModelContractError: it is not an `nn.Module` instance, or its weights hold no numbers.

    >>> check_network("mlp")
    Traceback (most recent call last):
    ...
    cifarkit.errors.ModelContractError: the model must be an nn.Module, found 'mlp';
    ck.create_model('mlp') builds one
    """
    if not isinstance(model, nn.Module):
        text, hint = _described(model, "ck.create_model(name) builds one")
        raise ModelContractError(f"the model must be an nn.Module, found {text}; {hint}")
    _check_numbers(model)


def _check_numbers(model: nn.Module) -> None:
    for name, tensor in itertools.chain(model.named_parameters(), model.named_buffers()):
        if tensor.is_meta:
            raise ModelContractError(
                f"{name!r} of the network is on the meta device, which holds no numbers; build it "
                'outside of torch.device("meta")'
            )


def _described(model: Any, hint: str) -> tuple[str, str]:
    """Return what stands in place of a network, and what to do: a closer guess, or `hint`."""
    text = repr(model)
    text = text if len(text) <= 60 else text[:57] + "..."
    if inspect.isclass(model):
        return f"the class {model.__name__}", f"call it: {model.__name__}(…)"
    if isinstance(model, str):
        if _holds_run(model):
            return text, f"ck.load_run({text}).model is the network of the run there"
        return text, f"ck.create_model({text}) builds one"
    if isinstance(getattr(type(model), "model", None), property):  # such as a run
        return text, "pass its .model"
    return text, hint


def _holds_run(folder: str) -> bool:
    try:
        return (Path(folder) / "run.json").is_file()
    except OSError:  # such as a name too long for any disk
        return False


def check_logits(model: nn.Module, num_classes: int, who: str, side: int = 32) -> None:
    """Show the network two grey images and check its logits.

    The network's mode and weights, and the global generators, are left as they were.

    Args:
        model: the network.
        num_classes: how many logits there must be for each image.
        who: how messages call the network.
        side: the side of the images, in pixels.

    Raises:
        ModelContractError: the network raises an error, or its output is not float `2 num_classes`.
    """
    check_answer(show_grey(model, who, side), 2, num_classes, who)


def show_grey(model: nn.Module, who: str, side: int = 32, n: int = 2) -> Any:
    """Return the network's output for grey images; the network is left as it was.

    Args:
        model: the network.
        who: how messages call the network.
        side: the side of the images, in pixels.
        n: how many images.

    Raises:
        ModelContractError: the network raises an error.
    """
    with in_evaluation(model), torch.no_grad():
        return run_network(model, grey_images(model, n, side), who)


def run_network(model: nn.Module, images: torch.Tensor, who: str) -> Any:
    """Return a network's output for images, without a check.

    Args:
        model: the network.
        images: `batch 3 height width`.
        who: how messages call the network.

    Raises:
        ModelContractError: the network raised an error, which is chained.
    """
    try:
        return model(images)
    except (CifarkitError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        shape = " ".join(map(str, images.shape[1:]))
        raise ModelContractError(
            f"{who} does not take images batch {shape}: {text_of(error)}"
            f"{input_hint(model, images) or torch_hint(error, len(images))}"
        ) from error


def text_of(error: Exception) -> str:
    """Return an error's type and message, as one line that is not too long.

    >>> text_of(KeyError("boom"))
    "KeyError: 'boom'"
    """
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if not str(error).strip() and error.__traceback__ is not None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text += f"at {Path(last.filename).name}:{last.lineno}, {last.line}"
    return text if len(text) <= LONGEST_ERROR else text[: LONGEST_ERROR - 3] + "..."


def logits_of(
    model: nn.Module,
    images: torch.Tensor,
    who: str = "the network",
    *,
    num_classes: int | None = None,
    in_training: bool = False,
) -> torch.Tensor:
    """Return a network's logits for images, in its current mode.

    Args:
        model: the network.
        images: `batch 3 height width`.
        who: how messages call the network.
        num_classes: how many logits there must be for each image; any number when None.
        in_training: whether it is in training mode, and gave logits in evaluation mode.

    Raises:
        ModelContractError: it raises an error, or does not give float `batch classes`.
    """
    logits: torch.Tensor = run_network(model, images, who)
    check_answer(logits, len(images), num_classes, who, in_training=in_training)
    return logits


def check_answer(
    logits: Any, n: int, num_classes: int | None, who: str, *, in_training: bool = False
) -> None:
    """Refuse an output unless it is one float logit per image and class.

    Args:
        logits: what a network gave.
        n: for how many images.
        num_classes: how many logits there must be for each; any number when None.
        who: how messages call the network.
        in_training: whether it is in training mode, and gave logits in evaluation mode.

    Raises:
        ModelContractError: it is not float `n num_classes`.
    """
    check_tensor(logits, n, who, num_classes, in_training=in_training)
    width = num_classes or (logits.shape[-1] if logits.ndim == 2 else "classes")
    if n == 1 and logits.ndim == 1 and num_classes in (None, *logits.shape):
        raise ModelContractError(
            f"{who} gives {logits.shape[0]} numbers for a single picture in place of logits 1 "
            "classes: its squeeze() also removes the batch; write flatten(1) in its place"
        )
    if logits.shape != (n, width):
        raise ModelContractError(
            f"{who} must give logits batch classes, here {n} {width}; "
            f"found {' '.join(map(str, logits.shape)) or 'a single number'} for a batch of {n}. "
            f"{shape_hint(logits.shape, num_classes)}"
        )


def check_tensor(
    output: Any, n: int, who: str, num_classes: int | None = None, *, in_training: bool = False
) -> None:
    """Refuse anything except a float tensor, and show how to get the logits out of it.

    Args:
        output: what a network gave.
        n: for how many images.
        who: how messages call the network.
        num_classes: how many logits there must be for each image, if that is known.
        in_training: whether it is in training mode, and gave logits in evaluation mode.

    Raises:
        ModelContractError: it is something else.
    """
    if not isinstance(output, torch.Tensor) or not output.is_floating_point():
        found = output.dtype if isinstance(output, torch.Tensor) else type(output).__name__
        raise ModelContractError(
            f"{who} must give a float tensor of logits, found {found}"
            f"{output_hint(output, n, num_classes, in_training=in_training)}"
        )


def input_like(model: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Return the device and type for a network's images: those of its first float weights.

    >>> input_like(nn.Linear(3, 2).double())
    (device(type='cpu'), torch.float64)
    """
    for parameter in model.parameters():
        if parameter.is_floating_point():
            return parameter.device, parameter.dtype
    return torch.device("cpu"), torch.float32


def layout_of(model: nn.Module) -> torch.memory_format:
    """Return the memory format for a network's images: that of its filters.

    >>> layout_of(nn.Conv2d(3, 8, 3))
    torch.contiguous_format
    """
    for weight in model.parameters():
        is_last = weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)
        if weight.ndim == 4 and is_last != weight.is_contiguous():  # some have both formats
            return torch.channels_last if is_last else torch.contiguous_format
    return torch.contiguous_format


def grey_images(model: nn.Module, n: int, side: int = 32) -> torch.Tensor:
    """Return `n 3 side side` zeros, which are grey, in a network's type and memory format."""
    device, dtype = input_like(model)
    grey = torch.zeros(n, 3, side, side, device=device, dtype=dtype)
    return grey.contiguous(memory_format=layout_of(model))
