# %% [markdown]
# # Write a callback
#
# While a network is trained, one would like to look inside, or to lend a hand: write down how
# long the steps are, add noise, stop when the time is up. You need not write a training loop of
# your own for that. The loop of cifarkit has seven places where it stops for a moment and asks
# whether anybody wants something. Who listens there is a **callback**. On this page there are
# several of them, and you write one yourself.
#
# On two processor cores everything below takes less than half a minute. You need no network
# connection and no graphics card. You should have been through
# [the whole assignment](01_the_whole_assignment.md).

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
# A callback is a class that begins with `ck.Callback` and has one or more of seven methods, the
# **hooks**. Each hook is given the [`run`][cifarkit.Run], that is the training at hand, and
# nothing else. Here is one that only says that it was called:


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
# So that the list stays short, we cut each epoch into two batches. Callbacks are given to
# [`ck.train`][cifarkit.train] in a list.

# %%
half = (len(data.train) + 1) // 2
run = ck.train("linear", data, epochs=2, batch_size=half, callbacks=[Tell()])

# %% [markdown]
# That is the whole order. A **batch** is the handful of pictures of one step. *Backward* is the
# part of a step that computes the **gradients**: for each weight, in which direction and how
# steeply the loss changes with it. After that the optimiser moves the weights.
#
# `run.state` says where training stands; epochs are counted from 0 in it. `run.history` is what was
# measured, with one record for each finished epoch.
#
# ### The misspelt hook
#
# In many libraries you may write `on_epcoh_end`, and nothing happens: the method is never called,
# and you wonder why. Here it is an error, in the line where it is written:

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
# The **gradient norm** is the length of the gradient over all weights: square every number, add
# them up, take the root. It tells how steep the place is where the network stands.
# `run.log` puts a number into the record of the epoch. Logged several times in an epoch, the
# record holds the mean.


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
# The column is in the history like any other, and can be drawn like any other:

# %%
axes = ck.plots.curves(quiet, "gradient_norm")

# %% [markdown]
# A callback that only looks changes nothing. The numbers are those of the run without it, to the
# last bit:

# %%
alone = ck.train("mlp", data, epochs=EPOCHS, batch_size=50)
print(alone.history.column("val_loss") == quiet.history.column("val_loss"))

# %% [markdown]
# ## Intervene
#
# Two hooks may change what happens, and no other should: in `on_batch_start` you may put another
# batch in place of `run.state.batch`, and in `on_backward_end` you may change the gradients.
#
# Here is an old idea: add a little noise to the gradients, less and less as training goes on
# (Neelakantan et al. 2015). Noise is chance, and chance must come from the seed, or you
# will never get the same run again. [`generator_for`][cifarkit.generator_for] makes a generator
# of random numbers from a key: a word for what it is for, the seed, and the place in training.


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
# Callbacks are called in the order of the list. `GradientNorm` stands before `GradientNoise`, so
# it saw the gradient without the noise; the other way round it would have seen it with. Whether
# noise helps, this figure cannot say: it is one seed.
# [Compare honestly](11_compare_honestly.md) tells what it takes.
#
# ## Stop
#
# `run.stop` ends the training after the step at hand, and keeps the reason. Nothing is lost: the
# run has its history and its network.


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
# To stop when the validation loss gets no better you need not write anything:
# [`EarlyStopping`][cifarkit.EarlyStopping] is there. It watches any column except those of test,
# also one that you log, if it is named in `columns`.
#
# ## Remember
#
# Training takes hours, and computers are switched off. A run with a folder writes a
# **checkpoint** after each epoch, and `resume=True` goes on from it: the numbers are those of a
# run that was never interrupted. But what about a callback that remembers something, such as a
# running mean? It must say what, in `state_dict`, and take it back in `load_state_dict`.


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
# To try it, we need somebody who pulls the plug. A callback that raises an error does nicely; the
# run ends with it, after the second epoch has begun.


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
# The error names the callback and the hook. Now the power is back:

# %%
plug.is_plugged = False
resumed = smooth_losses(folder, plug)
whole = smooth_losses(Path(tempfile.mkdtemp()) / "run", plug)
print("resumed:", resumed)
print("whole:  ", whole)
print("the same, to the last bit:", resumed == whole)

# %% [markdown]
# Without the two methods, the mean would have begun again in the second epoch, and nobody would
# have noticed. What may be in `state_dict` is what can be written down without code: numbers,
# words, lists, dicts and tensors.
#
# ### Exercise 1: the largest norm of each epoch
#
# The mean hides single steps that are far too long. Write a callback that logs the **largest**
# gradient norm of each epoch, as `largest_norm`. `norm_of_gradient` is there. Mind that `run.log`
# takes the mean of all that it is given in an epoch, so it must be called once; and that each
# epoch begins at zero.


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
#   they were. It is a callback of some twenty lines: the reference shows its source, which you can
#   read now.
# - [Write a callback](../how-to/write-a-callback.md) has the hooks in one table.
# - [Keyed randomness](../explanation/keyed-randomness.md) explains why the key of
#   `generator_for` is better than one long stream of random numbers.
