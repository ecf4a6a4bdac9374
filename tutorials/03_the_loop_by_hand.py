# %% [markdown]
# # The loop by hand, then the trainer
#
# **Goal:** you can write the loop in which a network learns, and you know what each of its lines is
# for. You have seen that cifarkit's trainer does the same, to the last bit. There are two
# exercises, each with a check that tells you whether your answer is right.
#
# **Time:** half an hour to read and try; less than a minute to run.

# %%
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

import cifarkit as ck
from cifarkit.exercises import NotYet, as_number, exercise, is_close

# %%
N_TRAIN = 1_100  # pictures to learn from
N_VAL = 100  # of these, set aside to choose by
N_TEST = 200  # pictures to be judged on
EPOCHS = 4  # how often to go through the training pictures

# %%
data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
print(data)

# %% [markdown]
# ## A network is a function with many numbers in it
#
# The function takes pictures and returns scores. Learning changes the numbers in it, its
# **parameters** or **weights**. PyTorch has all the parts. This network has two convolutions, each
# followed by a **pooling** that halves rows and columns, and one linear layer. **Dropout** switches
# off a random quarter of the numbers during training, so that the network does not depend on any
# single number.
#
# The first weights are random. [`seeded`][cifarkit.seeded] makes them the same every time. Inside
# its block it sets the seed of PyTorch's random numbers, and afterwards it restores the old state.

# %%
SEED = 0


def build() -> nn.Module:
    """Return the network with its first weights, always the same ones."""
    with ck.seeded("weights", SEED):
        return nn.Sequential(
            nn.Conv2d(3, 16, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.25),
            nn.Linear(32 * 8 * 8, 10),
        )


model = build()
print(f"{sum(weights.numel() for weights in model.parameters()):,} parameters")

# %% [markdown]
# ## One step, slowly
#
# ### The loss: how wrong is it?
#
# Take one **batch**, a few pictures and their right classes. The network gives ten **logits** for
# each picture, one score for each class. `softmax` turns scores into probabilities: positive
# numbers that add up to 1.
#
# (`model.eval()` switches dropout off, so that the same batch gives the same logits twice.)

# %%
model.eval()
images, targets = next(ck.training_batches(data.train, batch_size=32, seed=SEED, epoch=0))
logits = model(images)
probabilities = logits.softmax(dim=1)
print("images:", tuple(images.shape), " logits:", tuple(logits.shape))
print("probabilities of the first picture:", [round(p, 3) for p in probabilities[0].tolist()])

# %% [markdown]
# The **loss** says how wrong this is, in one number. For one picture it is minus the logarithm of
# the probability that the network gave to the *right* class. It is 0 if this probability is 1, and
# large if it is small. For a batch it is the mean. This loss is called **cross-entropy**, and
# PyTorch has a function for it.

# %%
of_the_right_class = probabilities[torch.arange(len(targets)), targets]
print(f"by hand:             {-of_the_right_class.log().mean():.4f}")
loss = F.cross_entropy(logits, targets)
print(f"F.cross_entropy:     {loss:.4f}")
print(f"knowing nothing:     {math.log(10):.4f}, the logarithm of ten classes")

# %% [markdown]
# A network with its first weights knows nothing, so its loss should be close to ln 10. If your loss
# is far from it, find the mistake before you train.
#
# ### The gradient: which way is down?
#
# How would the loss change if one weight were a little larger? Try it: add a little to one
# weight, and measure again. The change of the loss, divided by the change of the weight, is the
# **slope** in the direction of that weight.

# %%
NUDGE = 0.01
bias = model[-1].bias  # ten weights of the last layer, one for each class
with torch.no_grad():  # only measuring: PyTorch need not keep notes
    bias[0] += NUDGE
    nudged = F.cross_entropy(model(images), targets)
    bias[0] -= NUDGE
print(f"slope by trying: {(nudged - loss).item() / NUDGE:.4f}")

# %% [markdown]
# To try every weight like this would take as many measurements as there are weights.
# `loss.backward()` computes all slopes at once. It goes backwards through the network, from the
# loss to the first layer. This is called **backpropagation**. The slopes of all weights together
# are the **gradient**. PyTorch stores each slope with its weight, in `.grad`.

# %%
loss.backward()
print(f"slope by backward: {bias.grad[0]:.4f}")

# %% [markdown]
# The two agree except for the last digits, because the change was small and not infinitely small.
#
# ### The step: go down a little
#
# The gradient points in the direction in which the loss grows. So move every weight in the opposite
# direction, by its slope times a small number, the **learning rate**. This is one step of learning:

# %%
with torch.no_grad():
    for weights in model.parameters():
        weights -= 0.01 * weights.grad
    after = F.cross_entropy(model(images), targets)
print(f"loss before the step: {loss:.4f}")
print(f"loss after the step:  {after:.4f}")

# %% [markdown]
# The loss of this batch has become smaller. Do it again and again, each time with another batch,
# and the network learns.
#
# ## The loop
#
# Here it is, twelve lines of plain PyTorch. Instead of our step it uses the optimiser **Adam**.
# Adam too moves each weight against its slope, but it adapts the length of the step to each weight.


# %%
def train_by_hand(model: nn.Module) -> list[float]:
    """Train a network in place; return the loss of every step."""
    losses = []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    model.train()
    for epoch in range(EPOCHS):
        batches = ck.training_batches(data.train, batch_size=32, seed=SEED, epoch=epoch)
        for step, (images, targets) in enumerate(batches):
            torch.manual_seed(ck.seed_for("dropout", SEED, epoch, step))
            loss = F.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


by_hand = build()
losses = train_by_hand(by_hand)
print(f"{len(losses)} steps, the first loss {losses[0]:.3f}, the last {losses[-1]:.3f}")

# %% [markdown]
# Line by line:
#
# - `Adam(…)` gets the weights to move, and the learning rate `lr`. `fused=True` moves all weights
#   in one pass, which is only faster.
# - `model.train()` switches dropout on.
# - `for epoch`: an **epoch** is one pass through all training pictures.
# - [`training_batches`][cifarkit.training_batches] shuffles the pictures again in each epoch, cuts
#   them into batches and scales bytes to [-1, 1].
# - `manual_seed` decides which numbers dropout switches off in this step. Without it the loop
#   learns too, but you cannot repeat it. [`seed_for`][cifarkit.seed_for] makes one seed from the
#   purpose, the seed of the run, the epoch and the step.
# - `model(images)`, `cross_entropy`: how wrong is it on this batch?
# - `zero_grad()` deletes the gradient of the step before. More on this below.
# - `backward()`: the gradient.
# - `step()`: the step.
# - `loss.item()` is the loss as a plain number. If you keep `loss` itself, PyTorch also keeps
#   everything that it stored to compute the gradient, and the memory fills up.
#
# Every training loop does this. Larger loops add only comfort and safety.
#
# ## The bug that does not crash: `zero_grad` forgotten
#
# `backward()` does not *set* the gradient, it *adds* to what is there. On the same batch, twice:

# %%
probe = build().eval()
F.cross_entropy(probe(images), targets).backward()
once = probe[-1].weight.grad.clone()
F.cross_entropy(probe(images), targets).backward()
print("the gradient is now twice as long:", torch.allclose(probe[-1].weight.grad, 2 * once))

# %% [markdown]
# So without `zero_grad()` each step uses the sum of *all* gradients since the beginning. Most of
# them belong to old weights. There is no error message. Compare the loss and the **length** of the
# gradient, with the line and without it. (The length is the root of the sum of all squared slopes.
# It says how steep the loss is.)


# %%
def watch(*, zero_grad: bool) -> tuple[list[float], list[float]]:
    """Train as above; return the losses, and the lengths of the gradients stepped along."""
    model, losses, lengths = build(), [], []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    for epoch in range(EPOCHS):
        for images, targets in ck.training_batches(data.train, 32, seed=SEED, epoch=epoch):
            loss = F.cross_entropy(model(images), targets)
            if zero_grad:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            gradient = torch.cat([weights.grad.flatten() for weights in model.parameters()])
            lengths.append(gradient.norm().item())
    return losses, lengths


torch.manual_seed(SEED)
figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.0), layout="constrained")
figure.suptitle("With and without zero_grad: losses, and lengths of the gradient", fontsize=10)
for label, zero_grad, colour in (("as it should be", True, "C0"), ("forgotten", False, "C1")):
    losses_seen, lengths_seen = watch(zero_grad=zero_grad)
    for ax, numbers in zip(axes, (losses_seen, lengths_seen), strict=True):
        ax.plot(numbers, color=colour, label=label, linewidth=1)
    print(f"{label:<15} mean length of the gradient {sum(lengths_seen) / len(lengths_seen):.1f}")
for ax, name in zip(axes, ("loss of each step", "length of the gradient"), strict=True):
    ax.set(xlabel="step", title=name)
axes[1].legend(frameon=False)

# %% [markdown]
# The gradient that is never deleted grows much longer than it should be. In the first steps the
# losses may still look the same, so the bug is hard to see. The longer you train, the more the old
# steps move the network. If a network learns badly and nothing seems wrong, look for this line
# first.
#
# ## Measuring: how many are right?
#
# The network learns by the loss. You report the **accuracy**, the share of right answers. Measuring
# needs two lines that training must not have. `model.eval()` switches dropout off, and with
# `torch.no_grad()` PyTorch stores nothing for a gradient.
#
# ### Exercise 1: the mean that is not the mean
#
# The function below divides pictures into batches, and returns the mean of the accuracies of the
# batches. This is wrong if the last batch is smaller, because its few pictures then count more than
# the others. Correct it, so that every picture counts the same.


# %%
def measure_accuracy(model, image_set, batch_size: int) -> float:
    model.eval()
    shares = []
    with torch.no_grad():
        for start in range(0, len(image_set), batch_size):
            images = ck.to_floats(image_set.images[start : start + batch_size])
            labels = image_set.labels[start : start + batch_size]
            right = model(images).argmax(dim=1) == labels
            shares.append(right.double().mean().item())  # not yet: a share of each batch
    return sum(shares) / len(shares)


class AlwaysTheFirst(nn.Module):
    """A network that answers the first class, whatever it is shown."""

    def forward(self, images):
        return torch.eye(10)[torch.zeros(len(images), dtype=torch.int64)]


@exercise
def check_accuracy(measure) -> str:
    first, second = ((data.train.labels == label).nonzero().flatten() for label in (0, 1))
    image_set = data.train.subset(torch.cat([first[:24], second[:1]]))  # 24 of 25 are right
    for batch_size in (25, 24, 7):
        found = as_number(measure(AlwaysTheFirst(), image_set, batch_size))
        if not is_close(found, 24 / 25):
            yours = f"in batches of {batch_size} yours says {100 * found:.1f} %"
            raise NotYet(f"24 of 25 are right, 96.0 %; {yours}")
    return "Right, in batches of any size"


check_accuracy(measure_accuracy)


# %% tags=["solution"]
def measure_accuracy(model, image_set, batch_size: int) -> float:
    model.eval()
    right = 0
    with torch.no_grad():
        for start in range(0, len(image_set), batch_size):
            images = ck.to_floats(image_set.images[start : start + batch_size])
            labels = image_set.labels[start : start + batch_size]
            right += (model(images).argmax(dim=1) == labels).sum().item()  # a count …
    return right / len(image_set)  # … divided once, at the end


check_accuracy(measure_accuracy)

# %% [markdown]
# With it, and with cifarkit's [`evaluate`][cifarkit.evaluate]:

# %%
print(f"by hand:     {100 * measure_accuracy(by_hand, data.val, 32):.2f} %")
print(f"ck.evaluate: {100 * ck.evaluate(by_hand, data.val).accuracy:.2f} %")

# %% [markdown]
# ## The same with the trainer
#
# [`Trainer`][cifarkit.Trainer] takes a [`Recipe`][cifarkit.Recipe], which says how to train, and
# any network. It measures train and val in every epoch, and keeps the numbers in `run.history`.
#
# Two settings are needed only for the comparison. `precision="float32"` is there because on some
# processors the trainer otherwise computes with fewer digits, which is faster. `device="cpu"` is
# there because our loop did not use a graphics card either.

# %%
recipe = ck.Recipe(epochs=EPOCHS, batch_size=32, optimizer=ck.Adam(lr=1e-3), precision="float32")
trainer = ck.Trainer(recipe, seed=SEED, device="cpu", show_progress=True)
run = trainer.fit(build(), data)

# %%
axes = ck.plots.curves(run, "loss")

# %% [markdown]
# The trainer records a train loss for each epoch. It is the mean over all pictures of the losses of
# the steps. Here it is from the losses of our loop, for the last epoch:

# %%
sizes = [len(batch.targets) for batch in ck.training_batches(data.train, 32, seed=0, epoch=0)]
last = losses[-len(sizes) :]
mean = sum(size * loss for size, loss in zip(sizes, last, strict=True)) / sum(sizes)
print(f"by hand:     {mean:.6f}")
print(f"the trainer: {run.history[-1]['train_loss']:.6f}")

# %% [markdown]
# ## To the last bit
#
# Are these two networks nearly the same, or the same? Compare every weight. `torch.equal` allows
# no difference, not even in the last of the 32 **bits** (zeros and ones) that a weight is made of.


# %%
def count_different(one: nn.Module, other: nn.Module) -> int:
    """Count the weights that are not the same, bit by bit."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return sum((left != right).sum().item() for left, right in pairs)


print("different after training, by hand and by the trainer:", count_different(by_hand, run.model))
print("different before training and after it:              ", count_different(build(), by_hand))

# %% [markdown]
# No weight differs, although training changed nearly all of them. So the trainer adds nothing to
# the loop: no trick, no hidden step. What it adds is around the loop: progress, curves,
# [callbacks](../how-to/write-a-callback.md), a folder of the run, resuming after a crash, and
# errors that say what to do. The tests of cifarkit check this.
#
# Equal bits are also a good test for mistakes. The loss of a loop with a bug often looks plausible.
# Its bits are different.
#
# ### Exercise 2: correct the loop
#
# A friend wrote this loop from memory. It runs, and it has two mistakes. Correct it until its
# weights are the same as the trainer's, to the last bit.


# %%
def train_mended(model: nn.Module) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    model.train()
    for epoch in range(EPOCHS):
        batches = ck.training_batches(data.train, batch_size=32, seed=SEED, epoch=epoch)
        for step, (images, targets) in enumerate(batches):  # not yet: two mistakes below
            torch.manual_seed(ck.seed_for("dropout", SEED, epoch, step))
            loss = F.cross_entropy(model(images), targets)
            optimizer.step()
            loss.backward()


@exercise
def check_loop(train) -> str:
    model = build()
    train(model)
    different = count_different(model, run.model)
    if different:
        raise NotYet(f"{different:,} weights differ from the trainer's")
    return "Right: every weight is the trainer's, bit by bit"


check_loop(train_mended)


# %% tags=["solution"]
def train_mended(model: nn.Module) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    model.train()
    for epoch in range(EPOCHS):
        batches = ck.training_batches(data.train, batch_size=32, seed=SEED, epoch=epoch)
        for step, (images, targets) in enumerate(batches):
            torch.manual_seed(ck.seed_for("dropout", SEED, epoch, step))
            loss = F.cross_entropy(model(images), targets)
            optimizer.zero_grad()  # it was forgotten
            loss.backward()
            optimizer.step()  # it came too early: the slopes were those of the batch before


check_loop(train_mended)

# %% [markdown]
# ## The trainer's loop, next to yours
#
# This is the step that `ck.train` makes. Find your lines in it: the loss, `zero_grad`, `backward`,
# `step`. Two lines are new. One stops if the loss is NaN, before it spoils the weights. The other
# calls the callbacks.

# %%
import inspect

from cifarkit.training.loop import Loop

print(inspect.getsource(Loop.step))

# %% [markdown]
# And this is an epoch. What you wrote as two `for` loops is here, with the learning rate, the seed
# of the dropout and the counting of the loss in between.

# %%
print(inspect.getsource(Loop.train_epoch))

# %% [markdown]
# The whole file has under a hundred lines. [Read the code](../explanation/read-the-code.md) shows
# it, and explains what it calls.
#
# ## What to take along
#
# - Learning is: loss, gradient, step. `zero_grad` comes before `backward`, and `backward` before
#   `step`.
# - `train()` to learn, `eval()` and `no_grad()` to measure.
# - A mean over pictures is a sum over pictures, divided once.
# - If all seeds are set, training can be repeated to the last bit, on the same machine. [Keyed
#   randomness](../explanation/keyed-randomness.md) explains more.
#
# Next: [reading the curves](04_reading_the_curves.md), which tell you what the loop is doing.
