# %% [markdown]
# # Look at the data
#
# **Goal:** you know what a picture is to a network, and you can show one correctly. You have five
# questions to ask about any data set before you train on it. No network is trained here. There are
# two exercises, each with a check that tells you whether your answer is right.
#
# **Time:** twenty minutes to read and try; a few seconds to run.

# %%
import matplotlib.pyplot as plt
import torch

import cifarkit as ck
from cifarkit.exercises import NotYet, as_numbers, as_tensor, exercise

# %%
N_TRAIN = 1_500  # pictures to learn from
N_VAL = 300  # of these, set aside to choose by
N_TEST = 500  # pictures to be judged on
EPOCHS = 6  # of how many epochs to look at the augmentation

# %%
data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
print(data)

# %% [markdown]
# These are the synthetic pictures, which cifarkit draws itself. Everything below works on CIFAR-10
# as well: change the line to `data = ck.load_cifar10()`.
#
# ## A picture is numbers
#
# `data` holds three sets of pictures, `data.train`, `data.val` and `data.test`. Each is an
# [`ImageSet`][cifarkit.ImageSet]: all pictures in `images`, all labels in `labels`, and the names
# of the classes. A **label** is the number of the class a picture belongs to.

# %%
images = data.train.images
labels = data.train.labels
print("images:", tuple(images.shape), images.dtype)
print("labels:", tuple(labels.shape), labels.dtype)

# %% [markdown]
# Both are **tensors**: tables of numbers, with any number of dimensions. Read the four numbers of
# the first shape from left to right. The first is the number of pictures. Each picture has 3
# **channels**, which are red, green and blue. Each channel has 32 rows, and each row has 32
# columns. One cell of the table is the amount of one colour in one **pixel**. Pixels are the small
# squares of a picture.
#
# `uint8` is a **byte**, a whole number from 0 (none of this colour) to 255 (all of it). Here is
# the upper left corner of one picture, red channel, four rows and six columns:

# %%
picture = images[0]
print(data.classes[labels[0]])
print(picture[0, :4, :6])

# %% [markdown]
# This is all that a network gets. It does not know that two numbers next to each other in a row
# belong to neighbouring pixels, or what a colour is. Put the three channels on top of each other,
# and you see the picture. matplotlib needs the channel last, so `permute` changes the order of the
# dimensions.


# %%
def show(axes, picture, title="", **look):
    """Show one picture, given as bytes, 3 32 32, or one channel of it, 32 32."""
    if picture.ndim == 3:
        picture = picture.permute(1, 2, 0)
    axes.imshow(picture.numpy(), **look)  # matplotlib works on NumPy's arrays
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


figure, axes = plt.subplots(1, 4, figsize=(6.4, 2.0), layout="constrained")
figure.suptitle("Three channels, and the picture they make", fontsize=10)
for ax, channel, name in zip(axes, picture, ("red", "green", "blue"), strict=False):
    show(ax, channel, name, cmap="gray", vmin=0, vmax=255)
show(axes[3], picture, "together")

# %% [markdown]
# ## Question 1: which classes, and how many of each?
#
# Suppose that nine of ten pictures show a cat. A program that answers "cat" without looking is
# right nine times of ten. Then 90 % is not an achievement. A network must be better than the share
# of the largest class. So count.
#
# ### Exercise 1: count the classes
#
# Write a function that returns one number for each class, in the order of the labels. Classes
# without a picture count too, with 0.


# %%
def count_classes(image_set) -> list[int]:
    return [0 for name in image_set.classes]  # not yet: nothing is counted


@exercise
def check_counts(count) -> str:
    last = len(data.classes) - 1
    uneven = data.train.subset((data.train.labels < last).nonzero().flatten()[:25])
    for image_set in (uneven, data.train):
        found = as_numbers(count(image_set), len(image_set.classes))
        for label, number in enumerate(found):
            wanted = sum(one == label for one in image_set.labels.tolist())
            if number != wanted:
                name = image_set.classes[label]
                raise NotYet(f"of {name} there are {wanted}, yours says {number:g}")
    return "Right, also where a class is missing"


check_counts(count_classes)


# %% tags=["solution"]
def count_classes(image_set) -> list[int]:
    # bincount counts how often 0, 1, 2 … appear; minlength keeps the empty classes at the end.
    return torch.bincount(image_set.labels, minlength=len(image_set.classes)).tolist()


check_counts(count_classes)

# %% [markdown]
# Here every class has about the same number of pictures, in all three sets. CIFAR-10 is like this
# too. Few data sets from outside a classroom are.

# %%
for part, image_set in (("train", data.train), ("val", data.val), ("test", data.test)):
    counts = torch.bincount(image_set.labels, minlength=len(data.classes))
    print(f"{part:<5} smallest class {counts.min()}, largest class {counts.max()}")

# %% [markdown]
# ## Question 2: what do the numbers look like to the network?
#
# Networks learn best from small numbers around zero. So each byte is divided by 127.5, and 1 is
# subtracted: 0 becomes -1, and 255 becomes 1. [`to_floats`][cifarkit.to_floats] does this. A
# picture that you take out of an image set by its index, as in `data.train[0]`, is scaled too. The
# page on [normalisation](../explanation/normalisation.md) explains other scalings, and why cifarkit
# uses this one.

# %%
seen, label = data.train[0]
print("stored: ", images[0].dtype, "from", images[0].min().item(), "to", images[0].max().item())
print("seen:   ", seen.dtype, f"from {seen.min():.3f} to {seen.max():.3f}")
print("the same as to_floats:", torch.equal(seen, ck.to_floats(images[0])))

# %% [markdown]
# ### Why the pictures look dark
#
# Sooner or later everyone shows a picture with the numbers that the network sees. matplotlib
# expects fractions from 0 to 1, and draws everything below 0 as black. Half of all possible values
# are below 0.

# %%
places = range(8)
stored = torch.cat([images[place] for place in places], dim=2)  # side by side
scaled = torch.cat([data.train[place][0] for place in places], dim=2)

figure, axes = plt.subplots(2, 1, figsize=(6.4, 2.6), layout="constrained")
figure.suptitle("The same pictures, shown wrongly and rightly", fontsize=10)
show(axes[0], scaled, "scaled to [-1, 1], shown as it is: the dark half is gone")
show(axes[1], stored, "as stored")

# %% [markdown]
# matplotlib says so, in a line about *clipping*. This line is easy to overlook, because the program
# continues. Nothing is wrong with the *data*, only with how it is shown. Undo the scaling before
# you show a picture.
#
# ### Exercise 2: undo the scaling
#
# Write the reverse: from numbers in [-1, 1] to bytes, so that every byte is exactly as it was. The
# first try below does what matplotlib did. Here are two hints. Do the steps of the scaling in
# reverse order. And `.to(torch.uint8)` cuts off everything after the decimal point, so round first.


# %%
def undo_scaling(scaled):
    return (scaled.clamp(0, 1) * 255).to(torch.uint8)  # not yet: dark pictures


@exercise
def check_undo(undo) -> str:
    every_byte = torch.arange(256).to(torch.uint8)
    found = as_tensor(undo(ck.to_floats(every_byte)), like=every_byte)
    if found.dtype != torch.uint8:
        raise NotYet(f"bytes are torch.uint8, yours are {found.dtype}")
    wrong = (found != every_byte).nonzero().flatten().tolist()
    if wrong:
        example = f"{wrong[0]} comes back as {found[wrong[0]].item()}"
        raise NotYet(f"{len(wrong)} of 256 bytes come back changed; {example}")
    return "Right, for all 256 bytes"


check_undo(undo_scaling)


# %% tags=["solution"]
def undo_scaling(scaled):
    return ((scaled + 1) * 127.5).round().to(torch.uint8)


check_undo(undo_scaling)

# %% [markdown]
# In cifarkit this is [`to_bytes`][cifarkit.to_bytes], which also takes care of numbers outside
# [-1, 1].

# %%
figure, ax = plt.subplots(figsize=(6.4, 1.3), layout="constrained")
figure.suptitle("Scaled, and scaled back", fontsize=10)
show(ax, ck.to_bytes(scaled))

# %% [markdown]
# ## Question 3: what do the pictures show?
#
# Look at many pictures, chosen at random. If you choose by hand, you choose the pretty ones, and
# then you wonder why the network does badly. [`plots.samples`][cifarkit.plots.samples] chooses
# pictures at random and scales them correctly.

# %%
figure = ck.plots.samples(data.train, n=25)

# %% [markdown]
# Ask yourself: could *I* tell these classes apart at this size? What makes it hard? In this set the
# colour says nothing about the class, backgrounds vary, shapes are tilted, and bars lie across
# them. A network that only learnt colours would learn nothing.
#
# One class at a time shows how much its pictures differ from each other. It is also the quickest
# way to find **wrong labels**, because the odd one out catches the eye. Change `name` and look at
# the others.

# %%
name = data.classes[2]
places = (labels == data.classes.index(name)).nonzero().flatten()
figure = ck.plots.samples(data.train.subset(places), n=16)

# %% [markdown]
# The pictures here are drawn by a program that knows what it draws, so there should be no wrong
# label. In the test set of CIFAR-10 people have found about one wrong label in two hundred
# ([Northcutt and others, 2021](https://arxiv.org/abs/2103.14749)). That is little, but it means
# that an honest accuracy is never 100 %.
#
# ### The mean picture of each class
#
# Average all pictures of a class, pixel by pixel. What they have in common stays. What differs from
# picture to picture becomes grey.

# %%
figure, axes = plt.subplots(2, 5, figsize=(6.4, 3.0), layout="constrained")
figure.suptitle("The mean of the training pictures of each class", fontsize=10)
for label, ax in enumerate(axes.flat):
    mean = images[labels == label].float().mean(dim=0)  # of pictures, so 3 32 32 is left
    show(ax, mean.round().to(torch.uint8), data.classes[label])

# %% [markdown]
# Each is a pale spot in the middle. The shapes are lighter than the background, and they are near
# the centre. Now compare them with each other. If two mean pictures are similar, single pixels say
# little about the class. Then a network needs to see *edges* and how they are connected. That is
# what convolutions are for.
#
# ## Question 4: what does augmentation do to them?
#
# **Augmentation** changes the training pictures a little each time they are shown: mirrored,
# shifted, partly covered. The network then sees more than it was given, and finds it harder to
# learn pictures by heart. It must never change what a picture *shows*: a mirrored cat is a cat,
# but a mirrored letter b is a d. The program cannot know this. You can, by looking, and you look
# **before** you train.
#
# Below you see how a network is shown the same picture, in one epoch after the other. (An **epoch**
# is one pass through all training pictures.) The batches come from
# [`training_batches`][cifarkit.training_batches], exactly as in training.

# %%
ways = {
    "none": (),
    "Flip": (ck.Flip(),),
    "Crop": (ck.Crop(padding=4),),
    "Cutout": (ck.Cutout(size=12),),
    "all three": (ck.Flip(), ck.Crop(padding=4), ck.Cutout(size=12)),
}
one = data.train.subset([2])

figure, axes = plt.subplots(len(ways), EPOCHS, figsize=(6.4, 5.6), layout="constrained")
figure.suptitle(f"One {one.classes[one.labels[0]]} in {EPOCHS} epochs", fontsize=10)
for row, (name, augment) in zip(axes, ways.items(), strict=True):
    for epoch, ax in enumerate(row):
        batches = ck.training_batches(one, batch_size=1, seed=0, epoch=epoch, augment=augment)
        show(ax, ck.to_bytes(next(batches).images[0]))
    row[0].text(-4, 16, name, fontsize=9, rotation=90, ha="right", va="center")
for epoch, ax in enumerate(axes[0]):
    ax.set_title(f"epoch {epoch + 1}", fontsize=9)

# %% [markdown]
# [`Flip`][cifarkit.Flip] mirrors left and right with probability one half. [`Crop`][cifarkit.Crop]
# shifts by up to four pixels and fills the border with a mirror image of the pixels next to it.
# [`Cutout`][cifarkit.Cutout] paints a grey square at a random position. This square is large on
# purpose. If it covers the shape, *you* cannot tell the class any more, and the network has to
# guess. Then it is too large.
#
# Val and test are never augmented. There we want to know how the network does on unchanged
# pictures.
#
# ## Question 5: is it the data I think it is, and is it clean?
#
# ### The fingerprint
#
# "I trained on the same data" is easily said and hard to prove. So every data set in cifarkit has a
# **fingerprint**: one long number computed from all pictures, all labels, the split and the class
# names. Two data sets with the same fingerprint are the same, to the last pixel. If you change one
# byte, the fingerprint changes:

# %%
everything = (data.train.images, data.train.labels, data.test.images, data.test.labels)
before = ck.load_arrays(*everything, classes=data.classes)

changed_images = data.train.images.clone()
changed_images[0, 0, 0, 0] ^= 1  # the last bit of one byte: no eye would see it
after = ck.load_arrays(changed_images, *everything[1:], classes=data.classes)

print("as it was:   ", before.fingerprint[:12])
print("once more:   ", ck.load_arrays(*everything, classes=data.classes).fingerprint[:12])
print("one bit more:", after.fingerprint[:12])

# %% [markdown]
# cifarkit writes it into the record of every run. If two of your results contradict each other,
# compare the fingerprints first.
#
# ### The same picture twice
#
# If a test picture is also among the training pictures, the network may simply remember it, and the
# test is no longer a test. This is a **leak**. Pictures with equal bytes are easy to find:


# %%
def count_shared(one, other) -> int:
    """Count the pictures of one set that are, byte for byte, in the other."""
    known = {picture.numpy().tobytes() for picture in other.images}
    return sum(picture.numpy().tobytes() in known for picture in one.images)


print("test pictures also in train:", count_shared(data.test, data.train))
print("val pictures also in train: ", count_shared(data.val, data.train))

# %% [markdown]
# None. But a check that has never found anything may be broken. So make a leak, and see whether it
# is found. Three test pictures go into the training set.

# %%
leaky = ck.ImageSet(
    torch.cat([data.train.images, data.test.images[:3]]),
    torch.cat([data.train.labels, data.test.labels[:3]]),
    data.classes,
)
print("test pictures also in the leaky set:", count_shared(data.test, leaky))

# %% [markdown]
# It works. It does not find a picture that is a little brighter or shifted by a pixel, and these
# are the usual leaks. About 3 % of the test pictures of CIFAR-10 have such a near-duplicate in
# train ([Barz and Denzler, 2020](https://arxiv.org/abs/1902.00423)).
#
# ## Why three sets?
#
# One set to learn from and one to test on: that is clear. A student is not examined with exercises
# whose answers are known. But why is there a third set, val?
#
# Because you will *choose*: among networks, among learning rates, when to stop. If you choose the
# best of many, you also choose the luckiest. Here are 1,000 "networks" that have learnt nothing and
# answer at random. We choose the best ten of them on val, and then look at these ten on test.

# %%
generator = ck.generator_for("guessing", 0)


def guess(image_set):
    """Return the accuracies of 1,000 guessers on this set, in per cent."""
    answers = torch.randint(len(data.classes), (1_000, len(image_set)), generator=generator)
    return 100 * (answers == image_set.labels).double().mean(dim=1)


on_val, on_test = guess(data.val), guess(data.test)
best = on_val.argsort(descending=True)[:10]
print(f"all guessers on val:      {on_val.mean():.1f} % on average")
print(f"the best ten of val:      {on_val[best].mean():.1f} % on average")
print(f"the same ten, on test:    {on_test[best].mean():.1f} % on average")

# %% [markdown]
# The best ten look as if they knew something. They do not. On pictures that were not used for the
# choice, they are as bad as all others. If you choose by test and report test, you report luck. So:
# **train teaches, val selects, test reports**, once, when all choices have been made. [More on
# this](../explanation/val-selects-test-reports.md).
#
# ## What to take along
#
# 1. Which classes, and how many of each? The largest class is what guessing achieves.
# 2. What are the numbers: type, shape, range? Scale back before you show them.
# 3. What do the pictures show? Look at random ones, and at one class at a time.
# 4. What does augmentation do to them? Look before you train.
# 5. Is it the right data, and is it clean? Fingerprint, duplicates, wrong labels.
#
# Next: [the loop by hand](03_the_loop_by_hand.md), where a network learns from these pictures in
# twelve lines.
