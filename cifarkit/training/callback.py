"""Callbacks: the base class, its hooks, and when each is called."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from cifarkit.errors import CallbackError, CifarkitError
from cifarkit.foreign_names import HOOK_NAMES
from cifarkit.guidance import Guided, nearest
from cifarkit.renamed import warn_of_old_name
from cifarkit.runs.facts import is_user_code
from cifarkit.runs.run import Run
from cifarkit.training.guard import guarded
from cifarkit.values import Value

__all__ = [
    "HOOKS",
    "Callback",
    "Callbacks",
    "check_callbacks",
    "runs_user_code",
    "qualified_name",
    "listens",
    "may_intervene",
    "settings_of",
]

HOOKS = (
    "on_fit_start",
    "on_epoch_start",
    "on_batch_start",
    "on_backward_end",
    "on_batch_end",
    "on_epoch_end",
    "on_fit_end",
)

PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"
OTHERS_ARGUMENTS = {"epoch", "batch", "logs", "pl_module"}  # as in Keras and Lightning
NOT_CALLED = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
)

# Messages of torch and Python about frequent mistakes in hooks, and what to write.
WAYS = {
    "view size is not compatible": "weights and pictures lie channels-last here: write .flatten() "
    "in place of .view(-1), and prune a network before training",
    "one_hot is only applicable": "the batch has shares in place of labels already, as of the "
    "recipe's mix: leave one of the two out",
    "of 'Run' object has no setter": "change the weights in place, or the network before training",
}


class Callback(Guided):
    """Base of all callbacks: seven hooks, which get only the run.

    In the order of a training::

        on_fit_start                   check what you need; raise, and nothing has happened
          on_epoch_start
            on_batch_start             may replace run.state.batch
            on_backward_end            may change the gradients
            on_batch_end
          on_epoch_end                 run.history[-1] is this epoch's record
        on_fit_end                     comes for every callback that started, error or not,
                                       last started first

    An epoch that is resumed in the middle has no second `on_epoch_start`, so `state_dict` must keep
    what was set there. All other hooks observe. `run.log(name, value)` records numbers, and
    `run.stop(reason)` ends the training. A callback may be used for several fits: reset it in
    `on_fit_start`.

    Attributes:
        columns: the names that this callback logs, so that other callbacks can select by them.
        all_ranks: if several processes train together, whether it runs in all of them or only in
            the first. A callback that shows or writes should run only in the first.
        fields: the names of its arguments, which are also attributes; for the run's record.

    >>> class Misspelt(Callback):
    ...     def on_epcoh_end(self, run):
    ...         pass
    Traceback (most recent call last):
    ...
    TypeError: Misspelt.on_epcoh_end is not a hook; did you mean on_epoch_end?
    """

    columns: tuple[str, ...] = ()
    all_ranks: bool = True
    fields: tuple[str, ...] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a hook that would never be called."""
        super().__init_subclass__(**kwargs)
        if "everywhere" in vars(cls):
            warn_of_old_name(f"{cls.__name__}.everywhere", "all_ranks")
            cls.all_ranks = vars(cls)["everywhere"]
        names = cls.fields
        if names is not None and not (
            isinstance(names, tuple) and all(isinstance(name, str) for name in names)
        ):
            raise TypeError(
                f"{cls.__name__}.fields are the names of its arguments, such as ('steps',), found "
                f"{names!r}; give the attribute that you mean another name"
            )
        for name, method in vars(cls).items():
            if not name.startswith("on_") and name not in HOOK_NAMES:
                continue
            if name not in HOOKS:
                close = nearest(name, HOOKS, cutoff=0.5)
                guess = f"did you mean {close}?" if close else f"the hooks are {', '.join(HOOKS)}"
                if name in HOOK_NAMES:
                    guess = f"write def {HOOK_NAMES[name]}(self, run)"
                raise TypeError(f"{cls.__name__}.{name} is not a hook; {guess}")
            if callable(method) and not _takes_run(method):
                raise TypeError(
                    f"write def {name}(self, run): {cls.__name__}'s takes other arguments"
                )
            if any(is_other(method) for is_other in NOT_CALLED):
                raise TypeError(
                    f"{cls.__name__}.{name} would not run, since nothing awaits or iterates it; "
                    f"write def {name}(self, run), without async and yield"
                )

    def on_fit_start(self, run: Run) -> None:
        """Called once, before the first batch."""

    def on_epoch_start(self, run: Run) -> None:
        """Called before each epoch."""

    def on_batch_start(self, run: Run) -> None:
        """Called before a batch is shown to the network; may replace `run.state.batch`."""

    def on_backward_end(self, run: Run) -> None:
        """Called between gradients and step; may change the gradients.

        On a GPU a callback with this hook keeps steps eager.
        """

    def on_batch_end(self, run: Run) -> None:
        """Called after each step."""

    def on_epoch_end(self, run: Run) -> None:
        """Called after each epoch and its validation.

        With the recipe's `ema_decay`, the network here holds the average of its weights; training
        then continues from the weights themselves. So changing weights here is refused, because it
        would not last.
        """

    def on_fit_end(self, run: Run) -> None:
        """Called last, whatever ended the training."""

    def to_json(self) -> dict[str, Any]:
        """Return the class and the declared fields of the callback, for the run's record.

        >>> class Every(Callback):
        ...     fields = ("steps",)
        ...     def __init__(self, steps):
        ...         self.steps = steps
        >>> Every(5).to_json()["fields"]
        {'steps': 5}
        """
        names, kind = type(self).fields, {"kind": qualified_name(self)}
        if names is None:
            return kind
        if missing := [name for name in names if not hasattr(self, name)]:
            raise TypeError(
                f"{type(self).__name__}.fields names {missing[0]!r}, which is not an attribute; "
                f"write self.{missing[0]} = {missing[0]} in its __init__, or leave it out"
            )
        return {**kind, "fields": {name: getattr(self, name) for name in names}}

    def state_dict(self) -> dict[str, Any]:
        """Return what the callback needs after a resume, as tensors and JSON types."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""


class Callbacks:
    """The callbacks that listen to one training, in one process.

    Args:
        callbacks: the callbacks, in the order in which they are called.
        rank: the rank of this process; callbacks that show or write run only in rank 0.
    """

    def __init__(self, callbacks: Iterable[Callback], rank: int = 0) -> None:
        self.callbacks = [callback for callback in callbacks if callback.all_ranks or rank == 0]

    def notify(self, hook: str, run: Run) -> None:
        """Call one hook of each callback.

        Raises:
            CallbackError: a callback raised an error, left no batch, or changed what it must not
                change.
        """
        for callback in self.callbacks:
            _notify(callback, hook, run)

    @contextmanager
    def listening(self, run: Run) -> Iterator[None]:
        """Call `on_fit_start` before a block and `on_fit_end` after it, in reverse order.

        Raises:
            CallbackError: see `notify`.
        """
        with ExitStack() as ends:
            for callback in self.callbacks:
                _notify(callback, "on_fit_start", run)
                ends.callback(_notify, callback, "on_fit_end", run)
            yield

    def at_every_step(self) -> str | None:
        """Name a callback that prevents the capture of a step; None if there is none."""
        for callback in self.callbacks:
            if listens(callback, "on_backward_end"):
                return f"{type(callback).__name__} runs between gradients and step"
            if runs_user_code(callback) and listens(callback, "on_batch_start", "on_batch_end"):
                return f"{type(callback).__name__} runs at every batch"
        return None

    @property
    def may_change_the_network(self) -> bool:
        """Whether a user's callback runs between epochs, where it may change anything."""
        return any(
            runs_user_code(callback) and listens(callback, "on_epoch_start", "on_epoch_end")
            for callback in self.callbacks
        )


def _notify(callback: Callback, hook: str, run: Run) -> None:
    """Call one hook of one callback.

    Raises:
        CallbackError: it raised an error, left no batch, or changed what it must not change. The
            message names callback and hook, and the cause is chained. cifarkit's own errors pass
            unchanged.
    """
    watched = runs_user_code(callback) and listens(callback, hook)
    try:
        with guarded(run, type(callback).__name__, hook) if watched else nullcontext():
            getattr(callback, hook)(run)
    except CifarkitError:
        raise
    except Exception as error:
        raise CallbackError(
            f"{type(callback).__name__}.{hook} raised {type(error).__name__}: {error}{_way(error)}"
        ) from error


def _way(error: Exception) -> str:
    """Return what to write instead of a known mistake."""
    if type(error).__name__.lower().startswith(("stop", "cancel")):  # as in fastai, Keras or Python
        return "; to end the training, call run.stop(reason)"
    return next((f"; {way}" for text, way in WAYS.items() if text in str(error)), "")


def listens(callback: Callback, *hooks: str) -> bool:
    """Return whether a callback defines one of these hooks."""
    return any(
        getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)
        for hook in hooks
    )


def may_intervene(callback: Callback) -> bool:
    """Return whether a callback defines a hook in which batches or gradients can be changed."""
    return listens(callback, "on_batch_start", "on_backward_end")


def runs_user_code(callback: Callback) -> bool:
    """Return whether a callback is not cifarkit's, or has hooks that cifarkit did not give it."""
    return is_user_code(qualified_name(callback))


def qualified_name(thing: object) -> str:
    """Return the full name of the class of a callback or a trainer, for the records of a run.

    If cifarkit's class has other hooks here, or the class only says that it is cifarkit's, the name
    begins with `changed`.
    """
    return f"{_module_of(thing)}.{type(thing).__qualname__}"


def _module_of(thing: object) -> str:
    kind: Any = type(thing)
    module: str = kind.__module__
    if is_user_code(f"{module}."):
        return module
    hooks = tuple(getattr(kind, hook, None) for hook in HOOKS)
    is_ours = vars(thing).keys().isdisjoint(HOOKS) and _is_unchanged(kind, hooks)
    return module if is_ours else "changed"


@cache  # it is asked at each hook
def _is_unchanged(kind: type, hooks: tuple[Any, ...]) -> bool:
    """Return whether a class is the one of its name in cifarkit, with hooks from there."""
    found: Any = sys.modules.get(kind.__module__)
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    files = [inspect.unwrap(hook).__code__.co_filename for hook in hooks if hook is not None]
    return found is kind and all(file.startswith(PACKAGE) for file in files)


def settings_of(callback: Callback) -> str:
    """Return the class of a callback with its settings, if its repr has them, for a run's record.

    >>> from cifarkit.training.callbacks.gradient_clip import GradientClip
    >>> settings_of(GradientClip(1.0))
    'cifarkit.training.callbacks.gradient_clip.GradientClip(1.0)'
    """
    if type(callback).__repr__ is object.__repr__:  # that repr has an address in memory
        return qualified_name(callback)
    return f"{_module_of(callback)}.{callback!r}"


def check_callbacks(callbacks: Iterable[Callback]) -> Sequence[Callback]:
    """Return the callbacks as a tuple.

    Raises:
        TypeError: something in it is not a callback.
    """
    if isinstance(callbacks, Callback):
        raise TypeError(f"callbacks must be a list: [{type(callbacks).__name__}(…)]")
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a list, found {callbacks!r}")
    chosen = tuple(callbacks)
    for callback in chosen:
        if inspect.isclass(callback) and issubclass(callback, Callback):
            raise TypeError(f"a callback is an instance: write {callback.__name__}(…)")
        if not isinstance(callback, Callback):
            way = "; a value is part of the recipe" if isinstance(callback, Value) else ""
            raise TypeError(f"a callback must be a ck.Callback, found {callback!r}{way}")
        if isinstance(callback.columns, str):
            raise TypeError(f"write {type(callback).__name__}.columns = ({callback.columns!r},)")
    return chosen


def _takes_run(method: Any) -> bool:
    """Return whether a hook takes the run, and not the arguments of other libraries."""
    signature = inspect.signature(method)
    try:
        signature.bind("self", "run")
    except TypeError:
        return False
    return signature.parameters.keys().isdisjoint(OTHERS_ARGUMENTS)
