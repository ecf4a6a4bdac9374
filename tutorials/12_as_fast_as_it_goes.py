# %% [markdown]
# # As fast as it goes
#
# How little time can it take to learn to tell ten kinds of pictures apart? People race for it,
# and what wins is not one trick but many, each of them small. cifarkit has such a network,
# `speedrun`. On this page you take it apart: what goes into it, what happens when you leave one
# thing out, and where the time goes.
#
# On two processor cores everything below takes about half a minute. You need no network
# connection and no graphics card. You should have been through
# [the whole assignment](01_the_whole_assignment.md).

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
# So that it takes seconds, we give the network fewer channels and the name `quick`. The recipe,
# that is how it is trained, is the one of `speedrun`, only in smaller batches, for we have few
# pictures.

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
# We train it beside the baseline, in batches of the same size and for as many epochs.

# %%
runs = {
    "quick": ck.train("quick", data),
    "baseline": ck.train("baseline", data, epochs=EPOCHS, batch_size=50),
}
axes = ck.plots.curves(runs, "val_accuracy")

# %% [markdown]
# These two differ in everything, so the figure says nothing about *why*. For that, look at the
# ingredients one by one. Most come from one paper, Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds
# on a Single GPU" ([arXiv 2404.00498](https://arxiv.org/abs/2404.00498)), which in turn collected
# what others had found.
#
# ## The ingredients
#
# **Whitening.** Neighbouring pixels are nearly alike, so the numbers that the first layer sees say
# the same thing over and over. [`Whitening`][cifarkit.Whitening] computes from the training
# pictures a first layer that takes this likeness out, and fixes it (section 3.2, after Page 2018).
#
# **Muon.** An optimiser turns gradients into steps; [`Muon`][cifarkit.Muon] changes each step so
# that it is equally long in all directions, and none is forgotten. It is by Jordan and others
# ([2024](https://kellerjordan.github.io/posts/muon/)).
#
# **Falling rate.** The **learning rate** says how long the steps are. With
# [`Linear`][cifarkit.Linear] they are long at first, to get somewhere, and then get shorter in a
# straight line down to 0, to settle; the idea is as old as gradient descent with noise (Robbins
# and Monro 1951).
#
# **Alternating flip.** A mirrored ship is still a ship, so pictures are shown mirrored at random.
# [`AlternatingFlip`][cifarkit.AlternatingFlip] draws once and then takes turns, so that in every
# two epochs each picture is seen both ways (section 3.6).
#
# **Growing windows.** [`GrowingCrop`][cifarkit.GrowingCrop] cuts a window out of the picture at a
# random place, 20 by 20 of the 32 by 32 pixels in the first epoch, 28 by 28 in the last. The
# network never sees quite the same picture twice, and there is not much more than half of it to
# compute. By the end the windows are nearly as large as the whole picture, on which val is measured
# (after Tan and Le 2021, section 4, [arXiv 2104.00298](https://arxiv.org/abs/2104.00298)).
#
# **Label smoothing.** The network is not asked to be 100 % sure of the right class: a fifth of
# the certainty is spread evenly over all ten. It keeps the logits from growing for ever (Szegedy et
# al. 2016, section 7, [arXiv 1512.00567](https://arxiv.org/abs/1512.00567)).
#
# **A way around.** After the last block stands one convolution more, and what comes out of it is
# added to what went in (He et al. 2016, section 3.2,
# [arXiv 1512.03385](https://arxiv.org/abs/1512.03385)). Pictures are smallest there, so it costs
# little.
#
# **Identity.** A convolution begins with random weights, and several in a row scramble the
# picture before anything is learnt. Here each begins by passing on what it gets (section 3.3).
#
# ## Leave one out
#
# To see what an ingredient gives, leave it out and keep all the rest. `recipe.replace` makes a
# new recipe with one thing changed. Something must stand in for what is left out: for Muon it
# is [`Adam`][cifarkit.Adam], the optimiser of the baseline, for the whitened layer one that is
# learnt, and for the falling rate a constant one.

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
# One factor each. To study parts by leaving them out one at a time is called an **ablation**.

# %%
for name in names:
    runs[name] = ck.train(name, data)

accuracies = {name: run.history[-1]["val_accuracy"] for name, run in runs.items()}
seconds = {name: run.history.column("seconds") for name, run in runs.items()}
print("                val accuracy   seconds an epoch")
for name, accuracy in accuracies.items():
    print(f"{name:<15} {accuracy:12.1%} {sum(seconds[name]) / EPOCHS:18.2f}")

# %% [markdown]
# As a figure, with the 95 % interval of each number: had there been other val pictures, it
# could well have been anywhere on the line.

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
# **This shows how to ask, and answers nothing.** It is one seed, few pictures and very few epochs.
# The next seed may shuffle the rows. Some ingredients cannot help here by their nature: those
# that keep a network from learning its pictures by heart, such as flips and windows, pay only in
# longer training, and leaving them out may even *look* better in the first epochs. To make
# claims you need seeds, and the variants already have names, so it is one call:
#
# ```text
# ck.compare(["quick", *ck.list_models("no-*")], data, seeds=10)
# ```
#
# [Compare honestly](11_compare_honestly.md) tells what to do with the answer.
#
# ## Several looks at each picture
#
# One ingredient comes after training. When the network is judged, it may look at each picture
# twice, as it is and mirrored, and the two answers are averaged (Krizhevsky et al. 2012, section
# 4.1). Or more often: moved a little, or in windows as large as the last ones of training, which
# is what the recipe of `speedrun` does, with three windows and their mirror images. Such views cost
# nothing in training, and each makes judging slower by as much as a picture of its size.

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
# We look at val, because we are still playing. Which views are used belongs to the recipe, as
# `test_time`, and must be decided before test is looked at.
#
# ## Where the time goes
#
# Before you make anything faster, measure. A step has three parts: getting the batch ready,
# computing answers and gradients, and moving the weights. A
# [callback](10_write_a_callback.md) with a clock sees all three.


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
# Read the three shares of each row. What takes little of the time is not worth making faster: if
# a part takes 5 %, then even without it you gain 5 %. The numbers are those of the machine that
# ran this page, with whatever else it was doing; yours are others.
#
# This is how *many pictures* are learnt from in a second. How *much* is learnt from each is the
# other half, and there most of the ingredients are at work.
#
# ## The schedule, by hand
#
# A **schedule** is a function from the place in training to the learning rate. Here are four of
# them, over ten epochs; [`rate`][cifarkit.Schedule.rate] gives the value. **Warm-up** is a slow
# start: in the first epochs the rate climbs in a straight line from 0.

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
# Write the rate of `Linear(warmup=…)`. During the warm-up it climbs from 0 to `lr`; from there it
# falls in a straight line, and is 0 at the end of training. `epoch` is the place, 2.5 being the
# middle of the third epoch.


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
# The trainer asks the schedule before each step, and the history has the rate of each epoch's
# last one:

# %%
for name in ("quick", "no-falling-rate"):
    print(f"{name:<15}", [round(rate, 4) for rate in runs[name].history.column("lr")])

# %% [markdown]
# ## Where to go from here
#
# - [What makes it fast](../explanation/what-makes-it-fast.md) tells what was done in cifarkit
#   itself, with tables of what was tried and what `speedrun` reaches on CIFAR-10.
# - [Train faster](../how-to/train-faster.md) is the short list of what to try first.
# - Change `EPOCHS` and `N_TRAIN` at the top, and see which rows move.
# - Put one ingredient into the baseline: `recipe.replace` works on its recipe as well. Is it
#   better? Ask [with several seeds](11_compare_honestly.md).
