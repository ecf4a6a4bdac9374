"""What a callback changes in the network: its layers stay, its weights may get other values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.errors import CallbackError
from cifarkit.training.run import Run

__all__ = ["Network"]

# Settings of torch's layers that a trained network answers the same with.
OF_TRAINING = {"training", "p", "dropout", "momentum", "inplace", "_compiled_call_impl"}


class Network:
    """The network and what the optimiser holds of it, as they were before a hook.

    Args:
        run: in training.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.layers = _layers(run.model)
        self.tensors = _tensors(run.model)
        self.names = _names(run.model)
        self.held = _held(run)
        self.free = _free(run.model)
        self.values = [
            (tensor, tensor.detach().clone()) for tensor in _all_tensors(run.model).values()
        ]
        self.parts = [
            (vars(layer), dict(vars(layer)), [(one, dict(one)) for one in _dicts_of(layer)])
            for layer, _, _ in self.layers.values()
        ]

    def check(self, place: str, *, may_be_frozen: bool) -> None:
        """Refuse what cannot be trained on, or not be loaded.

        Args:
            place: the callback and its hook.
            may_be_frozen: whether all weights may be, since none is trained any more.

        Raises:
            CallbackError: a layer or weight is another, or the optimiser holds others.
        """
        now = _layers(self.run.model)
        other = [name for name in now | self.layers if now.get(name) != self.layers.get(name)]
        if other:
            name = f"the layer {min(other)!r}" if min(other) else "the class or forward of the net"
            raise CallbackError(
                f"{place} replaced {name}, and who loads the run would build the old one; build "
                "the network with it, or change the layer's own settings or weights"
            )
        self._check_settings(place)
        self._check_tensors(place)
        self._check_held(place)
        self._check_trained(place)
        if not may_be_frozen and not any(w.requires_grad for w in self.run.model.parameters()):
            raise CallbackError(
                f"{place} froze all weights, so nothing would be trained; leave some of them free, "
                "or end the training with run.stop(reason)"
            )

    def changes(self, place: str, hook: str) -> list[str]:
        """Return what the hook changed that training goes by, in words.

        Raises:
            CallbackError: weights were changed where that does not last.
        """
        run, now = self.run, self.run.now
        changed = [what for what, value in _free(run.model).items() if value != self.free[what]]
        tensors = _all_tensors(run.model).values()
        pairs = zip(self.values, tensors, strict=True)
        if all(torch.equal(old, new) for (_, old), new in pairs):
            return changed
        if hook == "on_epoch_end" and now.average.has_begun:
            raise CallbackError(
                f"{place} changed weights while the network holds their average (ema_decay), which "
                "does not last; change them in on_epoch_start"
            )
        is_last = run.stopped is not None or now.epoch + 1 == run.recipe.epochs
        if hook == "on_fit_end" or (hook == "on_epoch_end" and is_last):
            return [*changed, "weights after the last epoch was measured"]
        return [*changed, "weights"]

    def put_back(self) -> None:
        """Make layers, weights and buffers what they were before the hook."""
        for layer, kind, _ in self.layers.values():
            if type(layer) is not kind:
                layer.__class__ = kind
        for holder, before, dicts in self.parts:
            for kept, old in ((holder, before), *dicts):
                kept.clear()
                kept.update(old)
        for tensor, value in self.values:
            tensor.data = value

    def _check_settings(self, place: str) -> None:
        """Refuse what a loaded network would answer otherwise for, where that is known."""
        before = self.free["modes or settings of layers"]
        for (name, layer), old in zip(self.run.model.named_modules(), before, strict=True):
            new = _settings(layer)
            changed = {one for one in old | new if old.get(one) != new.get(one)}
            if stops := changed & {"should_stop", "stop_training"}:
                raise CallbackError(
                    f"{place} set run.model.{min(stops)}, which nobody reads; run.stop(reason) ends "
                    "the training"
                )
            if type(layer).__module__.startswith("torch.nn.") and changed - OF_TRAINING:
                raise CallbackError(
                    f"{place} changed {min(changed - OF_TRAINING)} of the layer {name!r}, and who "
                    "loads the run would build the old one; build the network with it"
                )

    def _check_tensors(self, place: str) -> None:
        now, before = _tensors(self.run.model), self.tensors
        for name in before | now:
            if now.get(name) != before.get(name):
                old, new = (str(one.get(name, "nothing")) for one in (before, now))
                raise CallbackError(
                    f"{place} made {name!r} {new}, which was {old}, and who loads the run would "
                    "build the old one; change names, shapes and types before training"
                )

    def _check_held(self, place: str) -> None:
        """Refuse an optimiser that has lost weights, or has got what is none of the network's."""
        optimizer, now = self.run.now.optimizer, _held(self.run)
        for group in optimizer.param_groups:
            if missing := {"params", *optimizer.defaults} - group.keys():
                raise CallbackError(
                    f"{place} left a group without {min(missing)!r} in the optimiser; add groups "
                    "with run.now.optimizer.add_param_group({'params': …})"
                )
        if lost := self.held - now:
            name = min(self.names.get(number, "a weight") for number in lost)
            raise CallbackError(
                f"{place} took {name!r} out of the optimiser, so it would not be trained; freeze it "
                "with requires_grad_(False)"
            )
        if now - self.held - _names(self.run.model).keys():
            raise CallbackError(
                f"{place} gave the optimiser a weight that is none of the network's, and would not "
                "be saved; build the network with it"
            )

    def _check_trained(self, place: str) -> None:
        """Refuse weights that the optimiser does not train, and those that are no longer in use."""
        held, before, model = _held(self.run), self.names, self.run.model
        trained = {name: id(w) for name, w in model.named_parameters() if w.requires_grad}
        for name, number in trained.items():
            if number not in held:
                what = f"unfroze {name!r}" if number in before else f"gave the network {name!r}"
                raise CallbackError(
                    f"{place} {what}, which the optimiser does not hold, so it would not be "
                    "trained; begin with it in the network and not frozen, freeze it in "
                    "on_fit_start, and unfreeze it when it is to be trained"
                )
        gone = [before[number] for number in before.keys() & held - _names(model).keys()]
        if gone:
            raise CallbackError(
                f"{place} replaced {min(gone)!r}, which the optimiser goes on training in its "
                "place; replace layers before training, or write into the weight, under "
                "torch.no_grad()"
            )


def _layers(model: nn.Module) -> dict[str, Any]:
    layers = model.named_modules()
    return {name: (layer, type(layer), vars(layer).get("forward")) for name, layer in layers}


def _all_tensors(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _tensors(model: nn.Module) -> dict[str, str]:
    return {
        name: f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)} on {tensor.device}"
        for name, tensor in _all_tensors(model).items()
    }


def _names(model: nn.Module) -> dict[int, str]:
    return {id(weight): name for name, weight in model.named_parameters()}


def _held(run: Run) -> set[int]:
    groups = run.now.optimizer.param_groups
    return {id(weight) for group in groups for weight in group.get("params", ())}


def _free(model: nn.Module) -> dict[str, Any]:
    layers, weights = list(model.modules()), list(model.parameters())
    hooks = ("_backward_hooks", "_post_accumulate_grad_hooks")
    return {
        "which weights are frozen": [weight.requires_grad for weight in weights],
        "modes or settings of layers": [_settings(layer) for layer in layers],
        "hooks of layers or weights": [
            *(list(hooks) for hooks in _hooks_of(layers)),
            *(list(getattr(weight, name, None) or ()) for weight in weights for name in hooks),
        ],
    }


def _dicts_of(layer: nn.Module) -> list[dict[Any, Any]]:
    return [value for value in vars(layer).values() if isinstance(value, dict)]


def _hooks_of(layers: list[nn.Module]) -> list[dict[int, Any]]:
    return [
        value for layer in layers for name, value in vars(layer).items() if name.endswith("_hooks")
    ]


def _settings(layer: nn.Module) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(layer).items()
        if (_is_plain(value) or (isinstance(value, tuple) and all(map(_is_plain, value))))
        and not (name.startswith("_") and name != "_compiled_call_impl")
    }


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | float | str) or callable(value)
