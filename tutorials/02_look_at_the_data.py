# %% [markdown]
# # Look at the data
#
# **Goal:** you know what a picture is to a network, you can show one without spoiling it, and you
# have five questions to ask of any data set before you train on it. No network is trained here.
# There are two exercises, each with a check that tells you whether your answer is right.
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
# These are the drawn pictures that cifarkit carries with it. Everything below works on CIFAR-10
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
# Both are **tensors**: tables of numbers, with any number of directions. Read the four numbers of
# the first shape from left to right: so many pictures; each of 3 **channels**, which are red,
# green and blue; each channel of 32 rows; each row of 32 columns. One cell of the table is how
# much of one colour there is in one **pixel**, the small square a picture is made of.
#
# `uint8` is a **byte**, a whole number from 0 (none of this colour) to 255 (all of it). Here is
# the upper left corner of one picture, red channel, four rows and six columns:

# %%
picture = images[0]
print(data.classes[labels[0]])
print(picture[0, :4, :6])

# %% [markdown]
# That is all a network gets. Nobody tells it that two numbers beside each other in a row belong
# to neighbouring pixels, or what a colour is. Put the three channels on top of each other, and
# you see what we see. matplotlib wants the channel last, so the directions are put in another
# order with `permute`.


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
# Suppose nine of ten pictures showed a cat. A program that answers "cat" without looking would be
# right nine times of ten, and 90 % would be no achievement. What a network must beat is the share
# of the largest class. So count.
#
# ### Exercise 1: count the classes
#
# Write a function that returns one number for each class, in the order of the labels. Mind
# classes of which there is no picture: they count too, with 0.


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
# Here every class has the same number of pictures, or nearly so, in all three sets. CIFAR-10 is
# made this way too; few data sets from outside a classroom are.

# %%
for part, image_set in (("train", data.train), ("val", data.val), ("test", data.test)):
    counts = torch.bincount(image_set.labels, minlength=len(data.classes))
    print(f"{part:<5} smallest class {counts.min()}, largest class {counts.max()}")

# %% [markdown]
# ## Question 2: what do the numbers look like to the network?
#
# Networks learn best from small numbers around zero. So on its way in, each byte is divided by
# 127.5, and 1 is taken off: 0 becomes -1, and 255 becomes 1. [`to_floats`][cifarkit.to_floats]
# does this, and so does every picture you take out of an image set by its place. Other scalings,
# and why this one, are on the page on [normalisation](../explanation/normalisation.md).

# %%
seen, label = data.train[0]
print("stored: ", images[0].dtype, "from", images[0].min().item(), "to", images[0].max().item())
print("seen:   ", seen.dtype, f"from {seen.min():.3f} to {seen.max():.3f}")
print("the same as to_floats:", torch.equal(seen, ck.to_floats(images[0])))

# %% [markdown]
# ### The case of the dark pictures
#
# Sooner or later everyone shows a picture as the network sees it. matplotlib takes fractions to
# run from 0 to 1, and everything below 0 is black to it. Half of all possible values are below 0.

# %%
places = range(8)
stored = torch.cat([images[place] for place in places], dim=2)  # side by side
scaled = torch.cat([data.train[place][0] for place in places], dim=2)

figure, axes = plt.subplots(2, 1, figsize=(6.4, 2.6), layout="constrained")
figure.suptitle("The same pictures, shown wrongly and rightly", fontsize=10)
show(axes[0], scaled, "scaled to [-1, 1], shown as it is: the dark half is gone")
show(axes[1], stored, "as stored")

# %% [markdown]
# matplotlib says so, in a line about *clipping*, which is easily overlooked: the program goes on,
# and one gets used to gloomy pictures. Nothing is wrong with the *data*, only with how it is
# shown. The cure is to undo the scaling before showing.
#
# ### Exercise 2: undo the scaling
#
# Write the way back: from numbers in [-1, 1] to bytes, so that every byte comes back exactly as
# it was. The first try below does what matplotlib did. Two hints: do the steps of the scaling in
# reverse; and `.to(torch.uint8)` cuts off what stands after the point, so round first.


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
# Look at many, and let chance choose them. Whoever chooses by hand chooses the pretty ones, and
# then wonders why the network does badly. [`plots.samples`][cifarkit.plots.samples] draws its
# pictures at random and scales them as it should.

# %%
figure = ck.plots.samples(data.train, n=25)

# %% [markdown]
# Ask yourself: could *I* tell these classes apart at this size? What makes it hard? Here: the
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
# that nobody's honest accuracy is 100 %.
#
# ### The mean picture of each class
#
# Average all pictures of a class, pixel by pixel. What they have in common stays; what differs
# from picture to picture blurs into grey.

# %%
figure, axes = plt.subplots(2, 5, figsize=(6.4, 3.0), layout="constrained")
figure.suptitle("The mean of the training pictures of each class", fontsize=10)
for label, ax in enumerate(axes.flat):
    mean = images[labels == label].float().mean(dim=0)  # of pictures, so 3 32 32 is left
    show(ax, mean.round().to(torch.uint8), data.classes[label])

# %% [markdown]
# Each is a pale smudge in the middle: the shapes are lighter than what is behind them, and they
# stand near the centre. Now compare them with each other. The more alike two mean pictures are,
# the less can be told from single pixels, and the more a network needs to see *edges* and how
# they hang together. That is what convolutions are for.
#
# ## Question 4: what does augmentation do to them?
#
# **Augmentation** changes the training pictures a little each time they are shown: mirrored,
# shifted, partly covered. The network then sees more than it was given, and finds it harder to
# learn pictures by heart. It must never change what a picture *shows*: a mirrored cat is a cat,
# but a mirrored letter b is a d. The program cannot know this. You can, by looking, and you look
# **before** you train.
#
# Below is what a network is shown of one and the same picture, in one epoch after the other. (An
# **epoch** is one pass through all training pictures.) The batches come from
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
# [`Flip`][cifarkit.Flip] mirrors left and right, or does nothing; a coin decides.
# [`Crop`][cifarkit.Crop] shifts by up to four pixels and fills the border with a mirror image of
# what is beside it. [`Cutout`][cifarkit.Cutout] paints a grey square somewhere, and this one is
# large on purpose: if it covers what makes the class, *you* could not tell it any more either,
# and the network is asked to guess. Then it is too large.
#
# Val and test are never augmented: there we want to know how the network does on pictures as they
# are.
#
# ## Question 5: is it the data I think it is, and is it clean?
#
# ### The fingerprint
#
# "I trained on the same data" is easily said and hard to prove. So every data set in cifarkit has
# a **fingerprint**: one long number computed from all pictures, all labels, the split and the
# class names. Two data sets with the same fingerprint are the same, to the last pixel. Change one
# byte, and the fingerprint is another:

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
# cifarkit writes it into the record of every run. When two of your results cannot both be true,
# compare the fingerprints first.
#
# ### The same picture twice
#
# If a test picture is also among the training pictures, the network may simply remember it, and
# the test is no longer a test. That is a **leak**. Bytes that are equal are quickly found:


# %%
def count_shared(one, other) -> int:
    """Count the pictures of one set that are, byte for byte, in the other."""
    known = {picture.numpy().tobytes() for picture in other.images}
    return sum(picture.numpy().tobytes() in known for picture in one.images)


print("test pictures also in train:", count_shared(data.test, data.train))
print("val pictures also in train: ", count_shared(data.val, data.train))

# %% [markdown]
# None. But a check that has never found anything may simply be broken. So plant a leak, and see
# whether it is found: three test pictures go into the training set.

# %%
leaky = ck.ImageSet(
    torch.cat([data.train.images, data.test.images[:3]]),
    torch.cat([data.train.labels, data.test.labels[:3]]),
    data.classes,
)
print("test pictures also in the leaky set:", count_shared(data.test, leaky))

# %% [markdown]
# It works. It would not find a picture that is a shade brighter or shifted by a pixel, and those
# are the usual kind: about 3 % of the test pictures of CIFAR-10 have such a near twin in train
# ([Barz and Denzler, 2020](https://arxiv.org/abs/1902.00423)).
#
# ## Why three sets?
#
# One to learn from, one to judge by, that is clear: a student is not examined on the very
# exercises whose answers were handed out. But why is there a third set, val?
#
# Because you will *choose*: among networks, among learning rates, when to stop. Whoever chooses
# the best of many also chooses the luckiest. Here are 1,000 "networks" that have learnt nothing
# and answer at random. We choose the best ten of them on val, and then look at these on test.

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
# The best ten look as if they knew something. They do not, and on pictures that played no part in
# the choice they fall back to where all guessers are. Had you chosen by test and reported test,
# you would have reported luck. So: **train teaches, val selects, test reports**, once, when all
# choices have been made. [More on this](../explanation/val-selects-test-reports.md).
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
