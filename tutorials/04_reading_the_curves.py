# %% [markdown]
# # Reading the curves: overfitting and early stopping
#
# **Goal:** you look at two curves, train loss and val loss, and can say what is wrong with a
# training. It may learn by heart, learn too little, or diverge. And you know what to do about each.
# There are two exercises, each with a check that tells you whether your answer is right.
#
# **Time:** half an hour to read and try; less than a minute to run.

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

import cifarkit as ck
from cifarkit.exercises import NotYet, as_number, exercise

# %%
N_TRAIN = 1_300  # pictures to learn from
N_VAL = 300  # of these, set aside to choose by
N_TEST = 300  # pictures to be judged on
EPOCHS = 4  # how often to go through the training pictures

# %%
data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
few = ck.load_synthetic(n_train=N_VAL + len(data.train) // 4, n_test=N_TEST, val_size=N_VAL)
print("data:", data)
print("few: ", few)

# %% [markdown]
# We need two data sets: one of the usual size, and one with only a quarter of the training
# pictures. An epoch of `few` has a quarter of the steps, so it may have more epochs in the same
# time.
#
# The network here is `"mlp"`, a small one without convolutions. It is not good at pictures, but it
# is fast, and it suffers from everything that larger networks suffer from.
#
# Three words first. The **loss** says how wrong the network is. A loss of 0 means right and
# certain, and guessing among ten classes has a loss of ln 10, about 2.3. The **train loss** is
# measured on the pictures that the network learns from. The **val loss** is measured on pictures
# that it does not learn from, which are there to choose by.
#
# ## Learning by heart: overfitting

# %%
recipe = {"optimizer": ck.Adam(lr=2e-4), "batch_size": 16, "epochs": 6 * EPOCHS}
overfit = ck.train("mlp", few, **recipe)

# %%
axes = ck.plots.curves(overfit, "loss")

# %% [markdown]
# The dashed train loss keeps falling. The solid val loss does not. It reaches its lowest point
# early (the ring marks it). From then on it rises, while the network gets better and better on its
# training pictures. What it learns after the ring is true of these pictures only: a stray bar here,
# a spot of noise there. It learns them by heart. This is **overfitting**, and its sign is the
# *gap*: train far below val, and growing.
#
# Look at the accuracies, the shares of right answers, as well:

# %%
axes = ck.plots.curves(overfit, "accuracy")

# %% [markdown]
# Train accuracy rises, and val accuracy stays far below it. Val accuracy may even stay the same
# while the val *loss* rises. Then the network gives the same wrong answers as before, but is more
# and more certain of them. The loss depends on certainty, so it shows overfitting earlier than the
# accuracy.
#
# **What helps:** more training pictures, augmentation (which makes more of your pictures), dropout,
# a smaller network, or to stop at the ring. Such remedies against overfitting are called
# **regularisation**.
#
# ### Stopping at the ring
#
# [`EarlyStopping`][cifarkit.EarlyStopping] watches the val loss. If it has not improved for
# `patience` epochs, training stops, and the network gets the weights of its best epoch back.

# %%
stopper = ck.EarlyStopping("val_loss", patience=4)
stopped = ck.train("mlp", few, **recipe, callbacks=[stopper])
print(stopped)
print(f"val loss of its best epoch, number {stopper.best_epoch}:  {stopper.best:.4f}")
print(f"val loss of the weights it has now:   {ck.evaluate(stopped.model, few.val).loss:.4f}")
print(f"val loss at the end of the first run: {overfit.history[-1]['val_loss']:.4f}")

# %% [markdown]
# Patience is there because val loss is noisy. One bad epoch does not mean that the best epoch is
# over. Note that val *chose* the epoch here. The number that you report must come from test, which
# was not used for the choice. `EarlyStopping("test_loss")` is an error.
#
# ### Exercise 1: choose the epoch
#
# A history has three columns, and you should choose by one of them. Write the function that returns
# the number of the epoch whose weights you would keep. Epochs count from 1. The first try keeps the
# last epoch.


# %%
def choose_epoch(history) -> int:
    return history.column("epoch")[-1]  # not yet: this is always the last one


@exercise
def check_choice(choose) -> str:
    made_up = ck.History(
        [
            {"epoch": 1, "train_loss": 2.2, "val_loss": 2.1, "test_loss": 2.2},
            {"epoch": 2, "train_loss": 1.6, "val_loss": 1.7, "test_loss": 1.9},
            {"epoch": 3, "train_loss": 1.2, "val_loss": 1.9, "test_loss": 1.8},
            {"epoch": 4, "train_loss": 0.9, "val_loss": 2.0, "test_loss": 2.0},
        ]
    )
    why = {
        1: "its losses are the highest",
        3: "chosen by test, and test must not choose",
        4: "chosen by train, or the last one; the network learns by heart there",
    }
    found = as_number(choose(made_up))
    if found != 2:
        raise NotYet(f"epoch {found:g}: {why.get(found, 'there is no such epoch')}")
    found = as_number(choose(overfit.history))
    if found != stopper.best_epoch:
        raise NotYet(f"EarlyStopping kept epoch {stopper.best_epoch}, yours keeps {found:g}")
    return "Right, and EarlyStopping has kept the same"


check_choice(choose_epoch)


# %% tags=["solution"]
def choose_epoch(history) -> int:
    losses = history.column("val_loss")
    return history.column("epoch")[losses.index(min(losses))]


check_choice(choose_epoch)

# %% [markdown]
# ## Learning too little: underfitting
#
# Now all training pictures, and a **learning rate** (how far each step moves the weights) that is
# far too small.

# %%
slow = ck.train("mlp", data, optimizer=ck.Adam(lr=1e-6), batch_size=32, epochs=EPOCHS)

# %%
axes = ck.plots.curves(slow, "loss")

# %% [markdown]
# Look at the numbers at the left. From top to bottom the loss hardly changes. Both losses are close
# together and close to guessing. There is no gap, but this is not a good sign: the network has not
# even learnt what is true of the training pictures only. This is **underfitting**, and its sign is
# that even the *train* loss stays high.
#
# **What helps:** a larger learning rate, more epochs, a larger network. More pictures do not help,
# because the network has not even learnt the pictures that it has.
#
# Always look at the numbers at the axis before you look at the shape of a curve. A figure can make
# a small change look large.
#
# ## Diverging: the learning rate is too large

# %%
wild = ck.train("mlp", data, optimizer=ck.Adam(lr=0.3), batch_size=32, epochs=EPOCHS)
for column in ("train_loss", "val_loss"):
    print(f"{column:<10}", [round(loss, 1) for loss in wild.history.column(column)])

# %%
axes = ck.plots.curves(wild, "loss")

# %% [markdown]
# These losses are far above 2.3, the loss of guessing. A network can be worse than one that knows
# nothing, if it is certain and wrong. The steps are so long that each goes too far, as if you went
# down into a valley with jumps as wide as the valley. The train loss may be falling, but it stays
# far too high. We say that the training **diverges**.
#
# With an even larger rate, the numbers become too large for the computer. They become infinite,
# then `nan`, **not a number**, and no step leads back from there. Many programs continue to train.
# cifarkit stops with a [`NonFiniteLossError`][cifarkit.NonFiniteLossError], before the step that
# would spoil the weights:

# %%
try:
    ck.train("mlp", data, optimizer=ck.SGD(lr=1_000, momentum=0.9), batch_size=32, epochs=EPOCHS)
except ck.NonFiniteLossError as error:
    print(error)

# %% [markdown]
# **What helps:** a smaller learning rate. Try a tenth.
#
# ### Neither too small nor too large
#
# [`LRFinder`][cifarkit.LRFinder] finds a rate by trying many. It begins with a tiny rate and makes
# it a little larger with every step, until the loss diverges. Then it restores the weights. It
# needs enough epochs for its steps, and stops automatically.

# %%
finder = ck.LRFinder()
ck.train("mlp", data, batch_size=32, epochs=100, callbacks=[finder])
print(f"{len(finder.rates)} rates tried, {finder.suggestion:.1e} suggested")

figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.plot(finder.rates, finder.losses)
ax.axvline(finder.suggestion, color="grey", linestyle=":", label="suggested")
ax.set(xscale="log", xlabel="learning rate", ylabel="train loss, smoothed")
ax.set_ylim(0.9 * min(finder.losses), 1.4 * finder.losses[0])
ax.set_title("The loss at ever larger rates", loc="left")
ax.legend(frameon=False)

# %% [markdown]
# Read it from the left. First the rate is too small to change anything. Then the loss falls, and
# then it rises steeply. The suggestion is a tenth of the rate at the lowest point, at a safe
# distance from the steep part. It is a good start, not the truth. Compared with the rate that was
# too small:

# %%
suggested = ck.Adam(lr=finder.suggestion)
good = ck.train("mlp", data, optimizer=suggested, batch_size=32, epochs=EPOCHS)
axes = ck.plots.curves({"too small": slow, "suggested": good}, "train_loss")

# %% [markdown]
# ## Why the train loss can be *above* the val loss
#
# It looks impossible that a network is better on pictures that it has not learnt from. But it is
# common in the first epochs, and not a mistake. The two losses are not measured in the same way:
#
# - The train loss is a **running mean** over the steps of the epoch. So it includes the network's
#   worse answers from the beginning of the epoch. Val is measured at the end.
# - During training, **dropout** (it switches off a random part of the network) and augmentation
#   make the task harder. When val is measured, both are off.
#
# Try it with a network like the one above, but with dropout, which switches off half of its hidden
# units. Here are three ways to measure the loss on the same *training* pictures:

# %%
with ck.seeded("weights", 0):
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 32 * 32, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 10)
    )
dropped = ck.Trainer(ck.Recipe(batch_size=16, epochs=2 * EPOCHS), device="cpu").fit(model, few)


def loss_on(image_set, model, *, dropout: bool) -> float:
    """Return the mean loss over a set of pictures, with dropout on or off; nothing is learnt."""
    model.train(dropout)
    with torch.no_grad(), ck.seeded("a look", 0):
        logits = model(ck.to_floats(image_set.images))
    model.eval()
    return F.cross_entropy(logits, image_set.labels).item()


print(f"running mean of the last epoch: {dropped.history[-1]['train_loss']:.3f}")
print(f"at its end, dropout still on:   {loss_on(few.train, model, dropout=True):.3f}")
print(f"at its end, dropout off:        {loss_on(few.train, model, dropout=False):.3f}")

# %% [markdown]
# Each is lower than the one above it, and only the last is measured like val. So before you say
# "val is better than train", ask how each was measured. To know the real gap, measure both in the
# same way, with [`evaluate`][cifarkit.evaluate]. [Another
# page](../explanation/train-loss-above-val-loss.md) separates all the causes.
#
# ## Your turn
#
# ### Exercise 2: three patients
#
# Here are three trainings of a network with a single layer. One overfits, one underfits, and one
# diverges ("has gone wild"). Which is which? The letters are random, so the code will not tell you.
# Look at the curves, and at the numbers next to them.

# %%
illnesses = {
    "overfits": ck.Adam(lr=2e-3),
    "underfits": ck.Adam(lr=1e-6),
    "has gone wild": ck.Adam(lr=10.0),
}
dealt = torch.randperm(3, generator=ck.generator_for("patients", 0)).tolist()
truth = {letter: list(illnesses)[place] for letter, place in zip("ABC", dealt, strict=True)}
patients = {
    letter: ck.train("linear", few, optimizer=illnesses[illness], batch_size=16, epochs=6 * EPOCHS)
    for letter, illness in truth.items()
}

for letter, patient in patients.items():
    ck.plots.curves({letter: patient}, "loss")

# %% [markdown]
# Write `"overfits"`, `"underfits"` or `"has gone wild"` next to each letter.

# %%
diagnosis = {"A": "?", "B": "?", "C": "?"}


@exercise
def check_diagnosis(diagnosis) -> str:
    for letter, illness in truth.items():
        said = str(diagnosis.get(letter)).strip().lower()
        if said not in illnesses:
            raise NotYet(f"{letter} awaits one of {', '.join(illnesses)}")
        if said != illness:
            last = patients[letter].history[-1]
            losses = (
                f"train loss is {last['train_loss']:.2f} and its val loss {last['val_loss']:.2f}"
            )
            raise NotYet(f"look at {letter} again: in the last epoch its {losses}")
    return "Right, all three"


check_diagnosis(diagnosis)

# %% tags=["solution"]
diagnosis = {"A": "has gone wild", "B": "overfits", "C": "underfits"}

check_diagnosis(diagnosis)

# %% [markdown]
# ## What to take along
#
# | what you see | what it is | what to try |
# |---|---|---|
# | train low, val high and rising | overfitting | more pictures, augmentation, stop earlier |
# | train high, val as high | underfitting | a larger rate, more epochs, a stronger network |
# | losses far above ln 10, or `nan` | diverging: the rate is too large | a tenth of the rate |
# | train a little above val | the way it is measured | nothing |
#
# The [learning rate explorer](../explorers/learning-rate.md) has the curves of 33 trainings to
# compare.
#
# And one curve from one seed is one random result. Before you say that one training is better than
# another, [compare several seeds](../how-to/compare-variants.md).
