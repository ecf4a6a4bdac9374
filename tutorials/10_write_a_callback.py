# %% [markdown]
# # Write a callback
#
# Sometimes you want to look inside a training, or to change it. You may want to log how long the
# steps are, add noise, or stop when the time is up. For this you do not need your own training
# loop. The loop of cifarkit has seven points where it calls functions of yours. An object with such
# functions is a **callback**. This page has several callbacks, and you write one yourself.
#
# On two processor cores everything below takes less than half a minute. You need no internet and no
# graphics card. You should have done [the whole assignment](01_the_whole_assignment.md).

# %%
import tempfile
from pathlib import Path

import torch

import cifarkit as ck
from cifarkit.exercises import NotYet, exercise, is_close

# %%
N_TRAIN = 1_000  # pictures to learn from
N_VAL = 200  # of these, set aside to choose by
N_TEST = 200  # pictures to be judged on
EPOCHS = 4  # how often to go through the training pictures

data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
print(data)

# %% [markdown]
# ## The seven hooks
#
# A callback is a subclass of `ck.Callback` with one or more of seven methods, the **hooks**. Each
# hook has one argument, the [`run`][cifarkit.Run], which is the current training. Here is a
# callback that only prints that it was called:


# %%
class Tell(ck.Callback):
    def on_fit_start(self, run: ck.Run) -> None:
        print("fit start")

    def on_epoch_start(self, run: ck.Run) -> None:
        print("  epoch start", run.state.epoch)

    def on_batch_start(self, run: ck.Run) -> None:
        print("    batch start:", len(run.state.batch.images), "pictures")

    def on_backward_end(self, run: ck.Run) -> None:
        print("      backward end: the gradients are there")

    def on_batch_end(self, run: ck.Run) -> None:
        print(f"    batch end: loss {run.state.loss:.3f}")

    def on_epoch_end(self, run: ck.Run) -> None:
        print(f"  epoch end: val loss {run.history[-1]['val_loss']:.3f}")

    def on_fit_end(self, run: ck.Run) -> None:
        print("fit end")


# %% [markdown]
# To keep the output short, each epoch has two batches. Pass callbacks to
# [`ck.train`][cifarkit.train] in a list.

# %%
half = (len(data.train) + 1) // 2
run = ck.train("linear", data, epochs=2, batch_size=half, callbacks=[Tell()])

# %% [markdown]
# That is the whole order. A **batch** is the pictures of one step. *Backward* is the part of a step
# that computes the **gradients**. The gradient says, for each weight, in which direction and how
# steeply the loss changes with it. After that the optimiser moves the weights.
#
# `run.state` is the current state of the training. It counts epochs from 0. `run.history` has the
# measurements, with one record for each finished epoch.
#
# ### The misspelt hook
#
# In many libraries you may write `on_epcoh_end`, and nothing happens. The method is never called,
# and you do not know why. In cifarkit it is an error where the class is defined:

# %%
try:

    class Misspelt(ck.Callback):
        def on_epcoh_end(self, run: ck.Run) -> None:
            print("never called")

except TypeError as error:
    print(error)

# %% [markdown]
# ## Observe
#
# The **gradient norm** is the length of the gradient over all weights. Square every number, add
# them up, and take the root. It says how steep the loss is for the current weights. `run.log` puts
# a number into the record of the epoch. If you log a number several times in an epoch, the record
# has the mean.


# %%
def norm_of_gradient(model: torch.nn.Module) -> float:
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    return torch.sqrt(sum(gradient.square().sum() for gradient in gradients)).item()


class GradientNorm(ck.Callback):
    columns = ("gradient_norm",)  # what it logs, so that others may watch it

    def on_backward_end(self, run: ck.Run) -> None:
        run.log("gradient_norm", norm_of_gradient(run.model))


quiet = ck.train("mlp", data, epochs=EPOCHS, batch_size=50, callbacks=[GradientNorm()])
print([round(norm, 3) for norm in quiet.history.column("gradient_norm")])

# %% [markdown]
# The column is in the history like any other, and you can draw it like any other:

# %%
axes = ck.plots.curves(quiet, "gradient_norm")

# %% [markdown]
# A callback that only looks changes nothing. The numbers are the same as without it, to the last
# bit:

# %%
alone = ck.train("mlp", data, epochs=EPOCHS, batch_size=50)
print(alone.history.column("val_loss") == quiet.history.column("val_loss"))

# %% [markdown]
# ## Intervene
#
# Two hooks may change what happens, and no other hook should. In `on_batch_start` you may replace
# `run.state.batch` by another batch. In `on_backward_end` you may change the gradients.
#
# Here is an old idea: add a little noise to the gradients, less and less during training
# (Neelakantan et al. 2015). Noise is random. Its random numbers must come from the seed, or you
# cannot get the same run again. [`generator_for`][cifarkit.generator_for] makes a generator of
# random numbers from a key. The key is a word for the purpose, the seed, the epoch and the step.


# %%
class GradientNoise(ck.Callback):
    def __init__(self, size: float = 0.01) -> None:
        self.size = size

    def on_backward_end(self, run: ck.Run) -> None:
        state = run.state
        steps = state.epoch * state.steps_per_epoch + state.step  # made so far
        size = self.size / (1 + steps) ** 0.275
        generator = ck.generator_for("gradient noise", run.seed, state.epoch, state.step)
        for weight in run.model.parameters():
            noise = torch.randn(weight.shape, generator=generator)
            weight.grad += size * noise.to(weight.device)


listeners = [GradientNorm(), GradientNoise()]
noisy = ck.train("mlp", data, epochs=EPOCHS, batch_size=50, callbacks=listeners)
again = ck.train("mlp", data, epochs=EPOCHS, batch_size=50, callbacks=listeners)
losses = noisy.history.column("val_loss")
print("the same as without noise:", losses == quiet.history.column("val_loss"))
print("the same when repeated:   ", losses == again.history.column("val_loss"))

# %%
axes = ck.plots.curves({"quiet": quiet, "noisy": noisy}, "val_loss")

# %% [markdown]
# Callbacks are called in the order of the list. `GradientNorm` is before `GradientNoise`, so it
# measured the gradient without the noise. In the other order it would measure the gradient with the
# noise. This figure cannot say whether noise helps, because it is one seed. [Compare
# honestly](11_compare_honestly.md) explains what you need for that.
#
# ## Stop
#
# `run.stop` ends the training after the current step, and records the reason. Nothing is lost,
# because the run has its history and its network.


# %%
class StopBelow(ck.Callback):
    """Stop as soon as the loss of a batch is below a limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def on_batch_end(self, run: ck.Run) -> None:
        if run.state.loss < self.limit:
            run.stop(f"a batch had loss {run.state.loss:.3f}, below {self.limit}")


stopped = ck.train("mlp", data, epochs=500, batch_size=50, callbacks=[StopBelow(2.0)])
print(stopped)
print(stopped.stopped)
print(len(stopped.history), "epochs of the 500 are in the history")

# %% [markdown]
# To stop when the validation loss does not improve, you need not write a callback.
# [`EarlyStopping`][cifarkit.EarlyStopping] does this. It can watch any column except those of test.
# It can also watch a column that you log, if its name is in `columns`.
#
# ## Remember: resume a run with a callback
#
# Training may take hours, and computers are switched off. A run with a folder writes a
# **checkpoint** after each epoch: a file with the whole state of the training. `resume=True`
# continues from it, and the numbers are the same as without the interruption. But what about a
# callback that remembers something, such as a running mean? It must return it from `state_dict`,
# and restore it in `load_state_dict`.


# %%
class SmoothLoss(ck.Callback):
    """Log a running mean of the loss, of which each step keeps 95 %."""

    columns = ("smooth_loss",)

    def on_fit_start(self, run: ck.Run) -> None:
        self.mean = None  # a callback may be used for a second run: reset it

    def on_batch_end(self, run: ck.Run) -> None:
        loss = run.state.loss.item()
        self.mean = loss if self.mean is None else 0.95 * self.mean + 0.05 * loss

    def on_epoch_end(self, run: ck.Run) -> None:
        run.log("smooth_loss", self.mean)

    def state_dict(self) -> dict:
        return {"mean": self.mean}

    def load_state_dict(self, state: dict) -> None:
        self.mean = state["mean"]


# %% [markdown]
# To try it, we need an interruption. A callback that raises an error will do. The run ends with
# this error, after the second epoch has begun.


# %%
class PullThePlug(ck.Callback):
    is_plugged = True

    def on_batch_start(self, run: ck.Run) -> None:
        if self.is_plugged and run.state.epoch == 1 and run.state.step == 3:
            raise RuntimeError("the lights went out")


def smooth_losses(folder: Path, plug: PullThePlug) -> list[float]:
    run = ck.train(
        "mlp",
        data,
        epochs=EPOCHS,
        batch_size=50,
        callbacks=[SmoothLoss(), plug],
        run_dir=folder,
        resume=True,  # go on with what is there, or begin
    )
    return run.history.column("smooth_loss")


folder, plug = Path(tempfile.mkdtemp()) / "run", PullThePlug()
try:
    smooth_losses(folder, plug)
except ck.CallbackError as error:
    print(error)

# %% [markdown]
# The error names the callback and the hook. Now resume the run:

# %%
plug.is_plugged = False
resumed = smooth_losses(folder, plug)
whole = smooth_losses(Path(tempfile.mkdtemp()) / "run", plug)
print("resumed:", resumed)
print("whole:  ", whole)
print("the same, to the last bit:", resumed == whole)

# %% [markdown]
# Without the two methods, the mean would start again in the second epoch, and you would not notice.
# `state_dict` may contain data only: numbers, strings, lists, dicts and tensors.
#
# ### Exercise 1: the largest norm of each epoch
#
# The mean hides single steps that are far too long. Write a callback that logs the **largest**
# gradient norm of each epoch, as `largest_norm`. You can use `norm_of_gradient`. Note that
# `run.log` takes the mean of all values of an epoch, so call it only once. And each epoch must
# begin at zero.


# %%
class LargestNorm(ck.Callback):
    columns = ("largest_norm",)

    def on_backward_end(self, run: ck.Run) -> None:
        run.log("largest_norm", norm_of_gradient(run.model))  # not yet: this gives the mean


class EveryNorm(ck.Callback):
    """Write down all of them, to check by."""

    def on_fit_start(self, run: ck.Run) -> None:
        self.epochs = []

    def on_epoch_start(self, run: ck.Run) -> None:
        self.epochs.append([])

    def on_backward_end(self, run: ck.Run) -> None:
        self.epochs[-1].append(norm_of_gradient(run.model))


@exercise
def check_largest(callback: ck.Callback) -> str:
    every = EveryNorm()
    run = ck.train("linear", data, epochs=EPOCHS, batch_size=50, callbacks=[callback, every])
    if "largest_norm" not in run.history.columns:
        raise NotYet("nothing is logged as 'largest_norm'")
    pairs = zip(run.history.column("largest_norm"), map(max, every.epochs), strict=True)
    for epoch, (found, wanted) in enumerate(pairs, start=1):
        if not is_close(found, wanted):
            raise NotYet(f"the largest of epoch {epoch} is {wanted:.4f}, yours {found:.4f}")
    return f"Right, for all {EPOCHS} epochs"


check_largest(LargestNorm())


# %% tags=["solution"]
class LargestNorm(ck.Callback):
    columns = ("largest_norm",)

    def on_epoch_start(self, run: ck.Run) -> None:
        self.largest = 0.0

    def on_backward_end(self, run: ck.Run) -> None:
        self.largest = max(self.largest, norm_of_gradient(run.model))

    def on_epoch_end(self, run: ck.Run) -> None:
        run.log("largest_norm", self.largest)

    def state_dict(self) -> dict:  # a checkpoint may be written in the middle of an epoch
        return {"largest": self.largest}

    def load_state_dict(self, state: dict) -> None:
        self.largest = state["largest"]


check_largest(LargestNorm())

# %% [markdown]
# ## Where to go from here
#
# - [`GradientClip`][cifarkit.GradientClip] shortens gradients that are too long, and logs how long
#   they were. It is a callback of some twenty lines. The reference shows its source, and you can
#   read it now.
# - [Write a callback](../how-to/write-a-callback.md) has the hooks in one table.
# - [Keyed randomness](../explanation/keyed-randomness.md) explains why the key of
#   `generator_for` is better than one long stream of random numbers.
