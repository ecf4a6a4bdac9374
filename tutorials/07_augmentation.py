# %% [markdown]
# # Data augmentation
#
# A ring that is mirrored is still a ring. **Data augmentation** uses this. It changes the training
# pictures a little, in another way each time they are shown, so that the network sees more
# different pictures. At the end of this page you can choose augmentations, recognise when one would
# do harm, and write your own.
#
# It takes a quarter of an hour to read, and the code runs for less than a minute on two processor
# cores. You should have done the first tutorial.

# %%
from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch

import cifarkit as ck
from cifarkit.exercises import NotYet, as_tensor, exercise

# %%
N_TRAIN = 600  # pictures to learn from; few, so that overfitting comes soon
N_VAL = 200  # of these, set aside to look at
N_TEST = 200  # pictures for the end; this page leaves them alone
EPOCHS = 10  # how often to go through the training pictures

# %%
data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)

# %% [markdown]
# ## Three augmentations
#
# An augmentation is a **value** that can be called like a function. It takes a batch of pictures,
# and a **generator**, the source of all its random numbers. (In torchvision such functions are
# called *transforms*.) These three are used most:
#
# - [`Flip`][cifarkit.Flip] mirrors left and right, here every second picture on average;
# - [`Crop`][cifarkit.Crop] shifts: it widens the picture by a few pixels on each side, and cuts a
#   window of the old size at a random place;
# - [`Cutout`][cifarkit.Cutout] covers a square, so that no single part of the picture is enough.
#
# Here a batch has the same picture seven times. Only the random numbers differ.

# %%
seven = data.train.images[5:6].expand(7, -1, -1, -1)  # 7 3 32 32, all the same
chance = ck.generator_for("a look at augmentation", 0)
looks = {
    "as it is": seven,
    "Flip()": ck.Flip()(seven, chance),
    "Crop(padding=4)": ck.Crop(padding=4)(seven, chance),
    "Cutout(size=12)": ck.Cutout(size=12)(seven, chance),
}


def show(rows: dict, title: str) -> None:
    """Draw each batch as a row of pictures."""
    across = max(len(batch) for batch in rows.values())
    figure, axes = plt.subplots(
        len(rows), across, figsize=(across, 1.3 * len(rows)), squeeze=False, layout="constrained"
    )
    figure.suptitle(title, fontsize=11)
    for line, (name, batch) in zip(axes, rows.items(), strict=True):
        line[0].set_title(name, loc="left", fontsize=9)
        for ax, picture in zip(line, batch, strict=True):
            pixels = picture.permute(1, 2, 0).numpy()  # rows columns channels
            ax.imshow(pixels, interpolation="nearest")
            ax.axis("off")


show(looks, "One picture, changed at random")

# %% [markdown]
# What the pictures *show* has not changed. This is the only condition, and it is about the
# **labels**: an augmentation is allowed if every picture keeps its true label.
#
# ## Part of the recipe
#
# The **recipe** says how a network is trained, so augmentations belong there. They are a tuple, and
# are applied in this order.

# %%
recipe = ck.Recipe(augment=(ck.Flip(), ck.Crop(padding=4), ck.Cutout(size=8)))
for factor, (theirs, ours) in recipe.differs_from(ck.Recipe()).items():
    print(f"{factor}: {ours}")
    print(f"   where the assignment's recipe has {theirs}")

# %% [markdown]
# The recipe is a value. So a run can record exactly how it was trained, and you can compare two
# recipes. A value that makes no sense is an error where it is written:

# %%
try:
    ck.Flip(probability=1.5)
except ck.CifarkitError as error:
    print(error)

# %% [markdown]
# The pictures are changed when a batch is made, not once at the beginning. So each epoch shows
# another version. The random numbers depend on the seed of the run, the epoch and the step. The
# same three give the same pictures again, so a run can be repeated bit by bit.


# %%
def first_batch(epoch: int) -> torch.Tensor:
    batches = ck.training_batches(
        data.train.subset(range(7)), batch_size=7, seed=0, epoch=epoch, augment=recipe.augment
    )
    return next(batches).images


print("epoch 0 and epoch 0 again alike:", torch.equal(first_batch(0), first_batch(0)))
print("epoch 0 and epoch 1 alike:      ", torch.equal(first_batch(0), first_batch(1)))

# %%
show(
    {f"epoch {epoch}": ck.to_bytes(first_batch(epoch)) for epoch in range(3)},
    "The same seven pictures in three epochs, each time in another order",
)

# %% [markdown]
# ## Why val and test are never changed
#
# Augmentation is for learning. Val and test are for *measuring*, and a measure must stay the same.
# If val were cropped at random, the same network would have another accuracy each time. You could
# not say whether an epoch was better or its crops were luckier. It would also be the wrong
# question, because your network will not be used on pictures with a grey square. So cifarkit
# augments only the training pictures. You cannot switch augmentation on for val and test.
#
# This has an effect on the curves. The **train** numbers of an augmented run are measured on
# changed, mostly harder pictures. So do not be surprised if they look worse than val.
#
# ## A network that learns by heart, with and without
#
# A few hundred pictures are few for two million parameters. With enough epochs, a network learns
# them **by heart**. It is right on the training pictures because it has seen them, and this does
# not help on other pictures. This is **overfitting**. You see it in the curves: the train loss
# (dashed) keeps falling, while the val loss (solid) stops falling or rises.
#
# We train the baseline twice from the same seed, for many epochs on few pictures, once on the
# pictures as they are and once on changed ones.

# %%
runs = {
    "as they are": ck.train("baseline", data, epochs=EPOCHS, batch_size=32),
    "augmented": ck.train(
        "baseline", data, epochs=EPOCHS, batch_size=32, augment=(ck.Flip(), ck.Crop(padding=4))
    ),
}
for name, run in runs.items():
    last = run.history[-1]
    gap = last["val_loss"] - last["train_loss"]
    print(
        f"{name:<11} train loss {last['train_loss']:.3f}, val loss {last['val_loss']:.3f}", end=""
    )
    print(f", gap {gap:+.3f}, val accuracy {100 * last['val_accuracy']:.1f} %")

# %%
loss_axes = ck.plots.curves(runs, "loss")

# %%
accuracy_axes = ck.plots.curves(runs, "val_accuracy")

# %% [markdown]
# Look at the **gap** between the dashed and the solid line of each run, at the end. It shows how
# much of what was learnt is true only of the training pictures. Augmentation should make this gap
# smaller, because a picture that always looks different is hard to learn by heart. But the two
# losses are measured on different pictures, changed ones and unchanged ones. So a small gap alone
# is not a success. What counts is val.
#
# And be careful with val. This is one run each. One of the two ended higher on val *here*, but with
# another seed both change. Augmentation also makes learning harder in the beginning and helps late,
# so in a short training it is often behind. The tutorial on comparing honestly shows how to find
# out which is better.
#
# ## When augmentation does harm
#
# It does harm when it changes the true class. A mirrored "b" is a "d". A 6 upside down is a 9. An
# arrow to the left becomes an arrow to the right. But the label of the picture stays the same, so
# the network learns something false.
#
# In our set no class is harmed by a mirror. A crescent may open to either side and is still a
# crescent. No shape becomes another shape. So let us make a set in which only left and right
# matter: noise, with a light patch on one side.


# %%
def draw_sides(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw noise that is lighter on the left (label 0) or on the right (label 1)."""
    chance = ck.generator_for("sides", seed)
    images = torch.randint(0, 150, (n, 3, 32, 32), generator=chance)
    labels = torch.arange(n) % 2
    for label, columns in enumerate((slice(2, 12), slice(20, 30))):
        images[labels == label, :, 8:24, columns] += 60
    return images.to(torch.uint8), labels


sides = ck.load_arrays(
    *draw_sides(300, seed=0), *draw_sides(100, seed=1), classes=["left", "right"], val_size=100
)
mirrored = ck.Flip(probability=1.0)(sides.train.images[:6], chance)
rows = {"as they are": sides.train.images[:6], "mirrored": mirrored}
show(rows, "Labels: " + ", ".join(sides.classes[label] for label in sides.train.labels[:6]))

# %% [markdown]
# Read the labels above the figure, from left to right. In the second row each of them is wrong. Now
# train on these, half of them mirrored. The same picture has the same label from both sides. The
# best that a network can do is to give each class a probability of one half, which has a loss of ln
# 2 = 0.693.

# %%
for augment in ((), (ck.Flip(),)):
    harmed = ck.train("baseline", sides, epochs=2, batch_size=20, augment=augment)
    print(f"augment={augment}")
    print(f"   train loss {harmed.history[-1]['train_loss']:.3f}", end="")
    print(f", val loss {harmed.history[-1]['val_loss']:.3f}")

# %% [markdown]
# Without mirroring, the loss is near 0, because the task is easy. With it, the loss stays at the
# loss of tossing a coin. There was no error and no warning. Only the numbers show the mistake. So
# before you use an augmentation, ask about every class: *would I still give it the same name?* And
# look at the pictures, as we did.
#
# There are other traps. Do not crop if the object is at the border. Do not change colours if the
# colour is the answer (ripe or unripe). Do not cover parts if a small detail decides.
#
# ## Mixed pictures
#
# An augmentation keeps the label. A **mix** changes the label too, and is another field of the
# recipe: `mix=ck.Mixup()`. [`Mixup`][cifarkit.Mixup] blends each picture with another picture of
# the batch, and [`CutMix`][cifarkit.CutMix] pastes a rectangle of the other picture. The other
# picture is chosen at random. It may be the same picture, which then stays as it is.

# %%
mixed = {
    f"mix={mix}": next(
        ck.training_batches(data.train.subset(range(7)), 7, seed=2, epoch=0, mix=mix)
    )
    for mix in (None, ck.Mixup(alpha=5.0), ck.CutMix())
}
show({name: ck.to_bytes(batch.images) for name, batch in mixed.items()}, "One batch, mixed")
for name in list(mixed)[1:]:
    shares = mixed[name].targets[0].tolist()  # of the first picture, one for each class
    print(f"{name:<21} {[round(share, 2) for share in shares]}")

# %% [markdown]
# The label becomes **shares** of the classes, in the same proportion as the two pictures. A network
# that is sure of one class is then partly wrong, so it learns to be less sure.
#
# ## Your own augmentation
#
# Write a frozen dataclass (a class that only holds values that do not change) with a method
# `__call__`. Here is one that removes the colour from some pictures.


# %%
@dataclass(frozen=True)
class Grey(ck.Augmentation):
    """Take the colour out of some pictures."""

    probability: float = 0.2

    def __call__(self, images, generator):
        grey = images.float().mean(dim=1, keepdim=True)  # batch 1 32 32: the mean of the channels
        grey = grey.round().to(torch.uint8).expand_as(images)
        chosen = torch.rand(len(images), generator=generator) < self.probability
        return torch.where(chosen[:, None, None, None], grey, images)


show(
    {"Grey(probability=0.5)": Grey(probability=0.5)(data.train.images[:7], chance)},
    "An augmentation of our own",
)

# %% [markdown]
# Four rules, all visible above:
#
# 1. Bytes go in and bytes come out, `batch 3 32 32`, type `torch.uint8`.
# 2. The whole batch is changed at once, but each picture has its own random numbers.
# 3. All random numbers come from the generator. With `torch.rand` alone you could not repeat the
#    run.
# 4. The input is not changed. A changed copy is returned.
#
# ### Exercise 1: brightness
#
# Write `Brightness(by=40)`. Each picture becomes lighter or darker by a random whole number from
# -40 to 40, the same number for all its pixels. Be careful: bytes **wrap around**. 250 + 10 is 4 in
# `uint8`, so white becomes black. So calculate with `images.int()`, limit the result to 0 to 255
# with `.clamp(0, 255)`, and convert it to bytes at the end. `torch.randint(low, high, shape,
# generator=generator)` draws whole numbers from `low` to `high - 1`.


# %%
@dataclass(frozen=True)
class Brightness(ck.Augmentation):
    """Make each picture lighter or darker."""

    by: int = 40

    def __call__(self, images, generator):
        return images + self.by  # not yet: always lighter, and it wraps around


@exercise
def check_brightness(augmentation) -> str:
    grey = torch.full((200, 3, 32, 32), 128, dtype=torch.uint8)
    white = torch.full_like(grey, 250)
    found, again, made_of_white = (
        as_tensor(augmentation(by=40)(images, ck.generator_for("check", 0)), like=grey)
        for images in (grey, grey, white)
    )
    if found.dtype != torch.uint8:
        raise NotYet(f"bytes are torch.uint8, yours are {found.dtype}")
    lowest, highest = found.amin(dim=(1, 2, 3)).int() - 128, found.amax(dim=(1, 2, 3)).int() - 128
    if not torch.equal(lowest, highest):
        raise NotYet("within one picture all pixels must change by the same number")
    if len(lowest.unique()) < 30:
        raise NotYet(f"200 pictures, but only {len(lowest.unique())} different changes")
    if lowest.min() < -40 or lowest.max() > 40:
        raise NotYet(f"pictures changed by {lowest.min()} to {lowest.max()}, not -40 to 40")
    if not torch.equal(found, again):
        raise NotYet("the same generator must give the same pictures; take all chance from it")
    if made_of_white.min() < 250 - 40:
        raise NotYet(f"a pixel of 250 became {made_of_white.min()}; bytes wrapped around")
    if grey.unique().tolist() != [128]:
        raise NotYet("the batch that was given has been changed itself")
    return "Right: each picture by a number of its own, and no byte wrapped around"


check_brightness(Brightness)


# %% tags=["solution"]
@dataclass(frozen=True)
class Brightness(ck.Augmentation):
    """Make each picture lighter or darker."""

    by: int = 40

    def __call__(self, images, generator):
        shape = (len(images), 1, 1, 1)  # one number a picture, for all its channels and pixels
        change = torch.randint(-self.by, self.by + 1, shape, generator=generator)
        return (images.int() + change).clamp(0, 255).to(torch.uint8)


check_brightness(Brightness)

# %% [markdown]
# Now you can use it like the others: look at it, put it into a recipe, and train with it.

# %%
show(
    {"Brightness(by=80)": Brightness(by=80)(seven, chance)},
    "One picture, in seven lights",
)

# %%
yours = ck.Recipe(augment=(ck.Flip(), Brightness(by=40)))
print(yours.augment)
run = ck.train("baseline", data, epochs=1, batch_size=32, augment=yours.augment)
print(run, run.recipe.augment)

# %% [markdown]
# ## Where to go from here
#
# - The [augmentation explorer](../explorers/augmentations.md) shows one picture with any seed.
# - Raise `EPOCHS` and watch where the val loss of each run begins to rise.
# - `ck.train("augmented", data)` trains the baseline with flip and crop. [The table of
#   variants](../reference/variants.md) has more names.
# - [`AlternatingFlip`][cifarkit.AlternatingFlip] mirrors every picture in every second epoch, which
#   is less random.
