# %% [markdown]
# # As fast as it goes
#
# How fast can a network learn to tell ten kinds of pictures apart? There are races for this. They
# are won not by one trick but by many small ones. cifarkit has such a network, `speedrun`. On this
# page you look at its parts: what they are, what happens without each of them, and where the time
# goes.
#
# On two processor cores everything below takes about half a minute. You need no internet and no
# graphics card. You should have done [the whole assignment](01_the_whole_assignment.md).

# %%
import time

import matplotlib.pyplot as plt

import cifarkit as ck
from cifarkit.exercises import NotYet, as_number, exercise, is_close

# %%
N_TRAIN = 800  # pictures to learn from
N_VAL = 200  # of these, set aside to choose by
N_TEST = 400  # pictures to be judged on
EPOCHS = 3  # how often to go through the training pictures

data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
print(data)

# %% [markdown]
# ## The network and its recipe
#
# So that it takes seconds, we give the network fewer channels and the name `quick`. Its recipe is
# that of `speedrun`, but with smaller batches, because we have few pictures.

# %%
speedrun = ck.get_variant("speedrun")
recipe = speedrun.recipe.replace(epochs=EPOCHS, batch_size=50)
options = {"widths": (16, 32, 32)}
ck.register_model("quick", recipe=recipe, options=options, summary="a small speedrun")(
    speedrun.builder
)
print(ck.summary("quick"))
for name in ("optimizer", "schedule", "augment", "loss", "initialization", "test_time"):
    print(f"{name}: {getattr(recipe, name)}")

# %% [markdown]
# We train it and the baseline, with the same batch size and the same number of epochs.

# %%
runs = {
    "quick": ck.train("quick", data),
    "baseline": ck.train("baseline", data, epochs=EPOCHS, batch_size=50),
}
axes = ck.plots.curves(runs, "val_accuracy")

# %% [markdown]
# These two differ in everything, so the figure says nothing about *why*. For that, look at the
# ingredients one by one. Most come from one paper, Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on
# a Single GPU" ([arXiv 2404.00498](https://arxiv.org/abs/2404.00498)), which also uses ideas of
# others.
#
# ## The ingredients
#
# **Whitening.** Neighbouring pixels are nearly the same, so the first layer sees the same
# information many times. [`Whitening`][cifarkit.Whitening] computes a first layer from the training
# pictures that removes this correlation. The layer is not trained (section 3.2, after Page 2018).
#
# **Muon.** An optimiser turns gradients into steps. [`Muon`][cifarkit.Muon] changes each step so
# that it has about the same length in all directions. It is by Jordan and others
# ([2024](https://kellerjordan.github.io/posts/muon/)).
#
# **Falling rate.** The **learning rate** says how long the steps are. With the schedule
# [`Linear`][cifarkit.Linear] they are long at first. Then the rate falls in a straight line to 0,
# so that the weights settle. The idea is as old as gradient descent with noise (Robbins and Monro
# 1951).
#
# **Alternating flip.** A mirrored ship is still a ship, so pictures are mirrored at random.
# [`AlternatingFlip`][cifarkit.AlternatingFlip] draws a random number once for each picture and then
# alternates. So in every two epochs each picture is seen both ways (section 3.6).
#
# **Growing windows.** [`GrowingCrop`][cifarkit.GrowingCrop] cuts a window out of the picture at a
# random position. The window has 20 by 20 of the 32 by 32 pixels in the first epoch, and 28 by 28
# in the last. The network never sees exactly the same picture twice, and computes little more than
# half of each picture. In the end the windows are nearly as large as the whole picture, on which
# val is measured (after Tan and Le 2021, section 4, [arXiv
# 2104.00298](https://arxiv.org/abs/2104.00298)).
#
# **Label smoothing.** The network should not be 100 % sure of the right class. A fifth of the
# probability is spread evenly over all ten classes. This prevents logits that grow without end
# (Szegedy et al. 2016, section 7, [arXiv 1512.00567](https://arxiv.org/abs/1512.00567)).
#
# **A residual connection.** After the last block there is one more convolution, and its output is
# added to its input (He et al. 2016, section 3.2, [arXiv
# 1512.03385](https://arxiv.org/abs/1512.03385)). Feature maps are smallest there, so it costs
# little.
#
# **Identity.** A convolution begins with random weights, and several random convolutions destroy
# the picture before anything is learnt. Here each convolution begins by passing its input on
# (section 3.3).
#
# ## Leave one out
#
# To see what an ingredient gains, leave it out and keep the rest. `recipe.replace` makes a new
# recipe with one thing changed. Something must replace what is left out. [`Adam`][cifarkit.Adam],
# the optimiser of the baseline, replaces Muon. A layer that is learnt replaces the whitened one,
# and a constant rate replaces the falling rate.

# %%
flip, crop = recipe.augment
without = {
    "whitening": recipe.replace(initialization=None),
    "muon": recipe.replace(optimizer=ck.Adam(lr=0.003)),
    "falling-rate": recipe.replace(schedule=ck.Constant()),
    "flip": recipe.replace(augment=(crop,)),
    "windows": recipe.replace(augment=(flip,)),
    "smoothing": recipe.replace(loss=ck.CrossEntropy()),
}
for name, changed in without.items():
    ck.register_model(f"no-{name}", recipe=changed, options=options)(speedrun.builder)
ck.register_model("no-identity", recipe=recipe, options={**options, "identity": False})(
    speedrun.builder
)

names = ck.list_models("no-*")
for name in names:
    factors = ck.get_variant(name).differs_from(ck.get_variant("quick"))
    print(f"{name:<15} differs in {', '.join(factors)}")

# %% [markdown]
# Each leaves out one factor. A study that leaves out parts one at a time is called an **ablation**.

# %%
for name in names:
    runs[name] = ck.train(name, data)

accuracies = {name: run.history[-1]["val_accuracy"] for name, run in runs.items()}
seconds = {name: run.history.column("seconds") for name, run in runs.items()}
print("                val accuracy   seconds an epoch")
for name, accuracy in accuracies.items():
    print(f"{name:<15} {accuracy:12.1%} {sum(seconds[name]) / EPOCHS:18.2f}")

# %% [markdown]
# Here is a figure with the 95 % confidence interval of each number. With other val pictures, the
# number could be anywhere on the line.

# %%
figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for row, (name, accuracy) in enumerate(reversed(accuracies.items())):
    low, high = ck.wilson_interval(round(accuracy * len(data.val)), len(data.val))
    colour = "#9c9ca1" if name.startswith("no-") else "#5790fc"
    axes.plot([100 * low, 100 * high], [row, row], color=colour)
    axes.plot(100 * accuracy, row, "o", color=colour)
axes.set_yticks(range(len(accuracies)), list(reversed(accuracies)))
axes.set_xlabel(f"val accuracy in %, one seed, {len(data.val)} pictures")
axes.set_title("The recipe, and the recipe without one thing", loc="left")
axes.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# **This shows how to ask the question, and does not answer it.** It is one seed, few pictures and
# very few epochs. The next seed may give another order. Some ingredients cannot help here. Flips
# and windows prevent overfitting, so they help only in longer training. Without them the first
# epochs may even *look* better. For a claim you need several seeds. The variants already have
# names, so it is one call:
#
# ```text
# ck.compare(["quick", *ck.list_models("no-*")], data, seeds=10)
# ```
#
# [Compare honestly](11_compare_honestly.md) explains what to do with the answer.
#
# ## Several views of each picture
#
# One ingredient comes after training. In the evaluation, the network may see each picture twice, as
# it is and mirrored, and the two answers are averaged (Krizhevsky et al. 2012, section 4.1). There
# may be more views. The picture may be moved a little, or cut into windows as large as the last
# ones of training. The recipe of `speedrun` uses three windows and their mirror images. Such views
# cost nothing in training. In the evaluation, each view costs as much as a picture of its size.

# %%
model = runs["quick"].model
views = {
    "as it is": None,
    "and mirrored": ck.TestTimeAugmentation(flip=True, shift=0),
    "and moved by a pixel": ck.TestTimeAugmentation(flip=True, shift=1),
    "in three windows": recipe.test_time,
}
ck.evaluate(model, data.val)  # not timed: whatever is done for the first time takes longer
for name, test_time in views.items():
    began = time.perf_counter()
    evaluation = ck.evaluate(model, data.val, test_time=test_time)
    spent = time.perf_counter() - began
    print(f"{name:<21} {evaluation.accuracy:.1%} of val right, {1000 * spent:.0f} ms")

# %% [markdown]
# We look at val, because we have not chosen yet. The views belong to the recipe, as `test_time`.
# You must choose them before you look at test.
#
# ## Where the time goes
#
# Before you make anything faster, measure. A step has three parts: to prepare the batch, to compute
# outputs and gradients, and to move the weights. A [callback](10_write_a_callback.md) with a clock
# can measure all three.


# %%
class Clock(ck.Callback):
    def on_fit_start(self, run: ck.Run) -> None:
        self.spent = {"batch": 0.0, "gradients": 0.0, "weights": 0.0}
        self.pictures = 0

    def on_epoch_start(self, run: ck.Run) -> None:
        self.last = time.perf_counter()

    def take(self, part: str) -> None:
        now = time.perf_counter()
        self.spent[part] += now - self.last
        self.last = now

    def on_batch_start(self, run: ck.Run) -> None:
        self.take("batch")
        self.pictures += len(run.state.batch.images)

    def on_backward_end(self, run: ck.Run) -> None:
        self.take("gradients")

    def on_batch_end(self, run: ck.Run) -> None:
        self.take("weights")


print("                pictures a second    batch  gradients  weights")
for name in ("quick", "no-windows", "baseline"):
    clock = Clock()
    ck.train(name, data, epochs=EPOCHS, batch_size=50, callbacks=[clock])
    total = sum(clock.spent.values())
    shares = "  ".join(f"{part / total:8.0%}" for part in clock.spent.values())
    print(f"{name:<15} {clock.pictures / total:18,.0f} {shares}")

# %% [markdown]
# Read the three shares of each row. If a part takes 5 % of the time, you gain at most 5 % by making
# it faster. The numbers are those of the machine that ran this page, with its other work. Yours are
# different.
#
# This is *how many* pictures the network learns from in a second. The other half is *how much* it
# learns from each picture, and most of the ingredients are about this.
#
# ## The schedule, by hand
#
# A **schedule** is a function from the progress of the training to the learning rate. Here are four
# schedules, over ten epochs. [`rate`][cifarkit.Schedule.rate] returns the value. **Warm-up** is a
# slow start: in the first epochs the rate rises in a straight line from 0.

# %%
schedules = {
    "Constant": ck.Constant(),
    "Linear": ck.Linear(),
    "Linear, 2 epochs of warm-up": ck.Linear(warmup=2),
    "OneCycle": ck.OneCycle(peak=0.1),
}
figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
places = [place / 20 for place in range(201)]
colours = ("#5790fc", "#f89c20", "#e42536", "#964a8b")
styles = ("-", "--", "-.", ":")
for (name, schedule), colour, style in zip(schedules.items(), colours, styles, strict=True):
    rates = [schedule.rate(place, epochs=10, lr=0.1) for place in places]
    axes.plot(places, rates, color=colour, linestyle=style, label=name)
axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, 0.13))
axes.set_title("Four schedules", loc="left")
axes.legend(frameon=False, ncols=2, loc="upper right")
axes.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ### Exercise 1: a straight line with a warm-up
#
# Write the rate of `Linear(warmup=…)`. During the warm-up it rises from 0 to `lr`. Then it falls in
# a straight line, and is 0 at the end of training. `epoch` is the progress: 2.5 is the middle of
# the third epoch.


# %%
def linear_rate(epoch: float, epochs: int, lr: float, warmup: float) -> float:
    return lr * (1 - epoch / (epochs + warmup))  # not yet: where is the climb?


@exercise
def check_rate(formula) -> str:
    for warmup in (0, 2, 3.5):
        for epoch in (0, 0.5, 2, 4.25, 9, 10):
            wanted = ck.Linear(warmup=warmup).rate(epoch, epochs=10, lr=0.1)
            found = as_number(formula(epoch, 10, 0.1, warmup))
            if not is_close(found, wanted):
                place = f"with warmup={warmup}, at epoch {epoch}"
                raise NotYet(f"{place} the rate is {wanted:.4f}, yours {found:.4f}")
    return "Right, at every place that was tried"


check_rate(linear_rate)


# %% tags=["solution"]
def linear_rate(epoch: float, epochs: int, lr: float, warmup: float) -> float:
    if epoch < warmup:
        return lr * epoch / warmup  # the share of the climb that is done
    return lr * (1 - (epoch - warmup) / (epochs - warmup))  # the share of the fall that is left


check_rate(linear_rate)

# %% [markdown]
# The trainer calls the schedule before each step. The history has the rate of the last step of each
# epoch:

# %%
for name in ("quick", "no-falling-rate"):
    print(f"{name:<15}", [round(rate, 4) for rate in runs[name].history.column("lr")])

# %% [markdown]
# ## Where to go from here
#
# - [What makes it fast](../explanation/what-makes-it-fast.md) explains what cifarkit does.
#   [Records](../reference/records.md#records) shows what `speedrun` reaches on CIFAR-10.
# - [Train faster](../how-to/train-faster.md) is a short list of what to try first.
# - Change `EPOCHS` and `N_TRAIN` at the top, and see which rows move.
# - Put one ingredient into the baseline with `recipe.replace`. Is it better? Find out [with several
#   seeds](11_compare_honestly.md).
