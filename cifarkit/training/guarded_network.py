"""Check what a callback changes in the network: weights may change, layers may not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cifarkit.errors import CallbackError
from cifarkit.runs.run import Run

__all__ = ["Network"]

_Form = tuple[torch.dtype, torch.Size, torch.device]

PLAIN = (bool, int, float, str)
WEIGHT_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
# Settings of torch's layers that do not change the output of a trained network.
OF_TRAINING = {"training", "p", "dropout", "momentum", "inplace", "_compiled_call_impl"}


class Network:
    """The network, and the weights that the optimiser holds, as they were before a hook.

    Args:
        run: the run in training.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.seen = _Seen(run.model)
        self.held = _held(run)
        self.names = {id(tensor): name for name, tensor in self.seen.tensors.items()}
        self.values = [(tensor, tensor.detach().clone()) for tensor in self.seen.tensors.values()]
        self.forms = _forms(self.seen)
        self.parts = [(part, dict(part)) for part in self.seen.dicts]

    def check(self, caller: str, *, may_be_frozen: bool) -> None:
        """Refuse changes after which the network could not be trained or loaded.

        Args:
            caller: the callback and its hook.
            may_be_frozen: whether all weights may be frozen, because training is over.

        Raises:
            CallbackError: a layer or weight was replaced, or the optimiser holds other weights.
        """
        now, before = _Seen(self.run.model), self.seen.layers
        other = [name for name in now.layers | before if now.layers.get(name) != before.get(name)]
        if other:
            name = f"the layer {min(other)!r}" if min(other) else "the class or forward of the net"
            raise CallbackError(
                f"{caller} replaced {name}, but loading the run builds the old one; build "
                "the network with it, or change the layer's own settings or weights"
            )
        self._check_settings(caller, now)
        self._check_tensors(caller, _forms(now))
        self._check_held(caller, {id(tensor) for tensor in now.tensors.values()})
        self._check_trained(caller, now)
        if not may_be_frozen and not any(tensor.requires_grad for tensor in now.tensors.values()):
            raise CallbackError(
                f"{caller} froze all weights, so nothing would be trained; leave some of them "
                "free, or end the training with run.stop(reason)"
            )

    def changes(self, caller: str, hook: str) -> list[str]:
        """Return in words what the hook changed that has an effect on training.

        Raises:
            CallbackError: weights were changed in a hook in which that does not last.
        """
        run, state, seen = self.run, self.run.state, _Seen(self.run.model)
        changed = [what for what, value in self.seen.free.items() if value != seen.free[what]]
        pairs = zip(self.values, seen.tensors.items(), strict=True)
        written = [name for (_, old), (name, new) in pairs if not torch.equal(old, new)]
        if not written:
            return changed
        for name in written:
            if not seen.tensors[name].isfinite().all():
                raise CallbackError(
                    f"{caller} left NaN or infinite numbers in {name!r}; write finite ones into it"
                )
        if hook == "on_epoch_end" and run.recipe.ema_decay:
            raise CallbackError(
                f"{caller} changed weights while the network holds their average (ema_decay), "
                "which does not last; change them in on_epoch_start"
            )
        is_last = run.stopped is not None or state.epoch + 1 == run.recipe.epochs
        if hook == "on_fit_end" or (hook == "on_epoch_end" and is_last):
            return [*changed, "weights after the last epoch was measured"]
        return [*changed, "weights"]

    def put_back(self) -> None:
        """Restore layers, weights and buffers as they were before the hook."""
        for layer, kind, _ in self.seen.layers.values():
            if type(layer) is not kind:
                layer.__class__ = kind
        for part, before in self.parts:
            part.clear()
            part.update(before)
        for tensor, value in self.values:
            tensor.data = value

    def _check_settings(self, caller: str, now: _Seen) -> None:
        """Refuse changed settings that a loaded network would not have, if they are known."""
        for name, (_, kind, _) in now.layers.items():
            old, new = self.seen.settings[name], now.settings[name]
            changed = {one for one in old | new if old.get(one) != new.get(one)}
            if stops := changed & {"should_stop", "stop_training"}:
                raise CallbackError(
                    f"{caller} set run.model.{min(stops)}, which has no effect; run.stop(reason) "
                    "ends the training"
                )
            if kind.__module__.startswith("torch.nn.") and changed - OF_TRAINING:
                raise CallbackError(
                    f"{caller} changed {min(changed - OF_TRAINING)} of the layer {name!r}, but "
                    "loading the run builds the old one; build the network with it"
                )

    def _check_tensors(self, caller: str, now: dict[str, _Form]) -> None:
        for name in self.forms | now:
            if now.get(name) != self.forms.get(name):
                old, new = (_told(one.get(name)) for one in (self.forms, now))
                raise CallbackError(
                    f"{caller} made {name!r} {new}, which was {old}, but loading the run builds "
                    "the old one; change names, shapes and types before training"
                )

    def _check_held(self, caller: str, own: set[int]) -> None:
        """Refuse an optimiser that has lost weights, or has weights that are not the network's."""
        optimizer, now = self.run.state.optimizer, _held(self.run)
        for group in optimizer.param_groups:
            if missing := {"params", *optimizer.defaults} - group.keys():
                raise CallbackError(
                    f"{caller} left a group without {min(missing)!r} in the optimiser; add groups "
                    "with run.state.optimizer.add_param_group({'params': …})"
                )
        if lost := self.held - now:
            name = min(self.names.get(number, "a weight") for number in lost)
            raise CallbackError(
                f"{caller} took {name!r} out of the optimiser, so it would not be trained; freeze "
                "it with requires_grad_(False)"
            )
        if now - self.held - own:
            raise CallbackError(
                f"{caller} gave the optimiser a weight that is not in the network, so it would "
                "not be saved; build the network with it"
            )

    def _check_trained(self, caller: str, seen: _Seen) -> None:
        """Refuse weights the optimiser does not train, and replaced ones that it still trains."""
        held, before = _held(self.run), self.names
        trained = {name: id(w) for name, w in seen.tensors.items() if w.requires_grad}
        for name, number in trained.items():
            if number not in held:
                what = f"unfroze {name!r}" if number in before else f"gave the network {name!r}"
                raise CallbackError(
                    f"{caller} {what}, which the optimiser does not hold and would not train. "
                    "Begin with it in the network and not frozen; freeze it in on_fit_start, and "
                    "unfreeze it when it is to be trained"
                )
        still = {id(tensor) for tensor in seen.tensors.values()}
        gone = [before[number] for number in before.keys() & held - still]
        if gone:
            raise CallbackError(
                f"{caller} replaced {min(gone)!r}, but the optimiser still trains the old "
                "weight; replace layers before training, or write into the weight, under "
                "torch.no_grad()"
            )


class _Seen:
    """A network at one moment, read in a single pass, because this is done around every hook.

    Args:
        model: the network.
    """

    def __init__(self, model: nn.Module) -> None:
        self.layers: dict[str, tuple[nn.Module, type, Any]] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self.hooks: list[object] = []
        self.dicts: list[dict[Any, Any]] = []
        self.tensors: dict[str, Tensor] = {}
        for name, layer in model.named_modules():
            holder = vars(layer)
            self.layers[name] = layer, type(layer), holder.get("forward")
            settings = self.settings[name] = {}
            self.dicts.append(holder)
            for key, value in holder.items():
                if isinstance(value, dict):
                    self.dicts.append(value)
                    if value and key.endswith("_hooks"):
                        self.hooks.append((name, key, list(value)))
                elif (key[0] != "_" or key == "_compiled_call_impl") and _is_setting(value):
                    settings[key] = value
        # From the network itself, because a scripted network keeps its tensors elsewhere.
        self.tensors |= model.named_parameters(remove_duplicate=False)
        self.tensors |= model.named_buffers(remove_duplicate=False)
        weights = self.tensors.values()
        self.hooks += [
            list(getattr(weight, key, None) or ()) for weight in weights for key in WEIGHT_HOOKS
        ]
        # What may be changed, under its name in the record.
        self.free: dict[str, object] = {
            "which weights are frozen": [weight.requires_grad for weight in weights],
            "modes or settings of layers": self.settings,
            "hooks of layers or weights": self.hooks,
        }


def _is_setting(value: object) -> bool:
    if type(value) in PLAIN or callable(value):
        return True
    return type(value) is tuple and all(type(one) in PLAIN for one in value)


def _forms(seen: _Seen) -> dict[str, _Form]:
    return {name: (one.dtype, one.shape, one.device) for name, one in seen.tensors.items()}


def _told(form: _Form | None) -> str:
    if form is None:
        return "nothing"
    dtype, shape, device = form
    return f"{str(dtype).removeprefix('torch.')} {tuple(shape)} on {device}"


def _held(run: Run) -> set[int]:
    groups = run.state.optimizer.param_groups
    return {id(weight) for group in groups for weight in group.get("params", ())}
