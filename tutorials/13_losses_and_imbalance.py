# %% [markdown]
# # Loss functions and class imbalance
#
# A **loss** is the number that training makes small. With another **loss function** the network
# learns something else. This matters most if a class is rare (**class imbalance**), because a
# network can ignore that class and still look good. At the end of this page you can see what an
# accuracy hides, give rare classes more weight, and say what it costs the other classes.
#
# It takes twenty minutes to read, and the code runs for about a minute on two processor cores. You
# should have done [where it fails](05_where_it_fails.md) and [compare
# honestly](11_compare_honestly.md).

# %%
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import cifarkit as ck
from cifarkit.exercises import NotYet, as_number, as_numbers, as_tensor, exercise, is_close

# %%
N_TRAIN = 4_000  # pictures of all ten classes; we keep three classes
N_VAL = 1_000  # of these, set aside to look at
N_TEST = 1_000  # pictures for the comparison at the end
EPOCHS = 8  # how often to go through the training pictures

# %% [markdown]
# ## A set with a rare class
#
# Unbalanced sets are common: few X-rays show the illness, and few letters are fraud. Our classes
# have equal numbers of pictures, so we make an unbalanced set. We keep three classes, and of the
# last one only a tenth. [`subset`][cifarkit.ImageSet] takes the pictures at the given indices.
#
# To do the same with CIFAR-10, load it in the last line, and take `CLASSES = ("ship", "truck",
# "automobile")`. With your own pictures and [`load_image_folder`][cifarkit.load_image_folder] you
# need not remove any. The set has as many pictures of each class as there are files.

# %%
CLASSES = ("disc", "cross", "star")  # the last one becomes rare
RARE = len(CLASSES) - 1


def keep_classes(image_set: ck.ImageSet) -> ck.ImageSet:
    """Keep the pictures of three classes, and number these classes from 0."""
    old = [image_set.classes.index(name) for name in CLASSES]
    chosen = image_set.subset(torch.isin(image_set.labels, torch.tensor(old)).nonzero())
    labels = torch.tensor([old.index(label) for label in chosen.labels])
    return ck.ImageSet(chosen.images, labels, CLASSES)


def thin_out(image_set: ck.ImageSet, share: float) -> ck.ImageSet:
    """Keep only a share of the rare class."""
    is_rare = image_set.labels == RARE
    kept = is_rare.nonzero()[: round(share * int(is_rare.sum()))]
    return image_set.subset(torch.cat([(~is_rare).nonzero(), kept]).flatten())


everything = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
train, val, test = map(keep_classes, (everything.train, everything.val, everything.test))
data = ck.Splits(thin_out(train, 0.1), thin_out(val, 0.1), test, "three classes, one of them rare")
print(data.table().as_text())

# %% [markdown]
# Val is unbalanced in the same way, as it would be if both came from the same source. Test is
# balanced. The reason comes later.
#
# ## What an accuracy hides
#
# The network must be small, because we will train many: three convolutions with few channels. The
# learning rate falls to 0 ([`Cosine`][cifarkit.Cosine]), so that the weights change little in the
# last epoch.

# %%
recipe = ck.Recipe(epochs=EPOCHS, batch_size=32, optimizer=ck.Adam(lr=0.005), schedule=ck.Cosine())


@ck.register_model("plain", recipe=recipe, summary="three convolutions, cross-entropy")
def small(*, num_classes: int = 10) -> nn.Module:
    layers = []
    channels = 3
    for width in (16, 32, 64):  # batch width 16 16, then 8 8, then 4 4
        convolution = nn.Conv2d(channels, width, kernel_size=3, padding=1)
        layers += [convolution, nn.BatchNorm2d(width), nn.MaxPool2d(2), nn.ReLU()]
        channels = width
    head = nn.Linear(channels, num_classes)
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), head)


plain = ck.train("plain", data)
unbalanced = ck.evaluate(plain, data.val)
print(unbalanced)
always_first = max(data.val.counts()) / len(data.val)
print(f"the same answer for all pictures is right on {100 * always_first:.1f} % of them")

# %% [markdown]
# The accuracy looks good. Now ask class by class. **Recall** is the share of the pictures of a
# class that the network found.

# %%
print(unbalanced.per_class[["recall", "recall_low", "recall_high", "n"]].round(3))

# %% [markdown]
# The rare class is found far less often than the others, and the accuracy hardly shows it. Accuracy
# counts pictures, so a class with few pictures counts little. In other words, accuracy is the mean
# of the recalls, weighted by the share of each class in the set.

# %%
shares = np.array(data.val.counts()) / len(data.val)
recalls = unbalanced.per_class["recall"]
for name, share, recall in zip(CLASSES, shares, recalls, strict=True):
    print(f"{name:<6} share {share:.3f} times recall {recall:.3f}")
print(f"sum    {(shares * recalls).sum():.4f}")
print(f"accuracy {unbalanced.accuracy:.4f}")

# %% [markdown]
# ### Exercise 1: balanced accuracy
#
# If each class counts the same, you get the **balanced accuracy**: the plain mean of the recalls.
# Correct the function. It gets the confusion matrix, with a row for each true class.


# %%
def balanced_accuracy(confusion) -> float:
    return confusion.diagonal().sum() / confusion.sum()  # not yet: this is the accuracy


@exercise
def check_balanced(formula) -> str:
    found = as_number(formula(unbalanced.confusion))
    wanted = unbalanced.per_class["recall"].mean()
    if not is_close(found, wanted):
        raise NotYet(f"the mean of the recalls is {wanted:.4f}, yours says {found:.4f}")
    return (
        f"Right: balanced accuracy {100 * wanted:.1f} %, accuracy {100 * unbalanced.accuracy:.1f} %"
    )


check_balanced(balanced_accuracy)


# %% tags=["solution"]
def balanced_accuracy(confusion) -> float:
    recalls = confusion.diagonal() / confusion.sum(axis=1)  # each row has its own sum
    return recalls.mean()


check_balanced(balanced_accuracy)

# %% [markdown]
# Look at the interval of the recall of the rare class. It is wide, because there are so few
# pictures. A few pictures say little about a class. In real work, collect more of them for val and
# test if you can. We can, because we only removed some synthetic pictures. From here on val is
# balanced, like test. On a balanced set, accuracy and balanced accuracy are the same number.

# %%
data = ck.Splits(data.train, val, test, "three classes, rare in train alone")
before = ck.evaluate(plain, data.val)
print(before)
confusion_before = ck.plots.confusion(before)

# %% [markdown]
# Nothing about the network changed between the two evaluations. Only the question did.
#
# ## Weights for classes
#
# The loss of a batch is a mean over its pictures, so most of it comes from the frequent classes. A
# network that seldom gives the rare class as its answer has a low loss. The remedy is to count each
# picture of a rare class more. With the weight **n / (classes · count)** every class has the same
# share of the sum (King and Zeng 2001). Here n is the number of training pictures, and count is the
# number of pictures of the class.
#
# ### Exercise 2: balanced weights
#
# Write the weights as a function of the counts. The check compares them with the weights that
# [`CrossEntropy(class_weights="balanced")`][cifarkit.CrossEntropy] computes from the training set.


# %%
def balanced_weights(counts: list[int]) -> list[float]:
    return [1 / count for count in counts]  # not yet: these are too small, all by one factor


@exercise
def check_weights(formula) -> str:
    loss = ck.CrossEntropy(class_weights="balanced")
    wanted = loss.for_training_set(data.train.labels, len(CLASSES)).class_weights
    found = as_numbers(formula(data.train.counts()), len(CLASSES))
    for name, ours, yours in zip(CLASSES, wanted, found, strict=True):
        if not is_close(yours, ours):
            raise NotYet(f"{name} weighs {ours:.4f}, yours says {yours:.4f}")
    return "Right: " + ", ".join(f"{weight:.2f}" for weight in wanted)


check_weights(balanced_weights)


# %% tags=["solution"]
def balanced_weights(counts: list[int]) -> list[float]:
    n = sum(counts)
    return [n / (len(counts) * count) for count in counts]


check_weights(balanced_weights)

# %% [markdown]
# The loss is a part of the recipe, so nothing else has to change:

# %%
weighted_loss = ck.CrossEntropy(class_weights="balanced")
weighted = ck.train("plain", data, loss=weighted_loss)
after = ck.evaluate(weighted, data.val)
confusion_after = ck.plots.confusion(after)

# %%
for name in CLASSES:
    pair = [evaluation.per_class.loc[name] for evaluation in (before, after)]
    print(f"{name:<6} recall    {pair[0].recall:.2f} before, {pair[1].recall:.2f} after")
    print(f"       precision {pair[0].precision:.2f} before, {pair[1].precision:.2f} after")
print(f"balanced accuracy {100 * before.accuracy:.1f} % before, {100 * after.accuracy:.1f} % after")

# %% [markdown]
# The row of the rare class has moved to the diagonal: more of its pictures are found. But look at
# its column as well. Some pictures of other classes are now called by its name, so these classes
# lose recall. Weights do not add knowledge. They move the border between the classes towards the
# frequent ones.
#
# Is that better? On a balanced set it is. In a set as unbalanced as train it may not be. We can
# compute both from the same recalls, because accuracy is their mean, weighted by shares:

# %%
train_shares = np.array(data.train.counts()) / len(data.train)


def accuracy_as_in_train(evaluation: ck.Evaluation) -> float:
    """Return the accuracy on a set in which classes are as frequent as in train."""
    return (train_shares * evaluation.per_class["recall"]).sum()


for name, evaluation in {"plain": before, "weighted": after}.items():
    print(
        f"{name:<9} {100 * accuracy_as_in_train(evaluation):.1f} % where the class stays rare",
        end="",
    )
    print(f", {100 * evaluation.accuracy:.1f} % where all are equally frequent")

# %% [markdown]
# So you must choose, not the network. What does it cost to miss a rare picture, and what does a
# false alarm cost? Write the answer down before you choose a loss.
#
# ### Or show rare pictures more often
#
# There is another way: show rare pictures more often, instead of counting them more. It is called
# **oversampling**, and it is also a part of the recipe. [`Balanced`][cifarkit.Balanced] shows each
# class equally often. An epoch keeps its length, so only some pictures of the frequent classes
# come. Others come in the next epoch.

# %%
sampled = ck.evaluate(ck.train("plain", data, sampling=ck.Balanced()), data.val)
for name, evaluation in {"plain": before, "weighted": after, "sampled": sampled}.items():
    recalls = ", ".join(f"{recall:.2f}" for recall in evaluation.per_class["recall"])
    print(f"{name:<9} recalls {recalls}; balanced accuracy {100 * evaluation.accuracy:.1f} %")

# %% [markdown]
# Both move the border in the same direction. Use only one of them. Together they would count the
# rare class twice.
#
# ## Other losses
#
# ### Focal loss
#
# Most pictures of a frequent class are soon easy, but there are still many of them. The **focal
# loss** (Lin et al. 2017) gives easy pictures less weight. Let p be the probability that the
# network gives to the true class. Cross-entropy is -ln p, and the focal loss is -(1 - p)^gamma · ln
# p. For a sure and right answer, 1 - p is almost 0, and so is the loss.

# %%
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
p = torch.linspace(0.02, 0.999, 200)
logits = torch.stack([p.log(), (1 - p).log()], dim=1)  # 200 2, of two classes
label = torch.zeros(200, dtype=torch.int64)
for gamma in (0.0, 1.0, 2.0, 5.0):
    losses = ck.FocalLoss(gamma=gamma)(logits, label)
    ax.plot(p, losses, label="gamma = 0: cross-entropy" if gamma == 0 else f"gamma = {gamma:g}")
ax.set_title("The focal loss of one picture", loc="left")
ax.set_xlabel("probability of the true class")
ax.set_ylabel("loss")
legend = ax.legend(frameon=False)

# %% [markdown]
# ### Exercise 3: the focal loss, by hand
#
# Write it for a batch. `logits.softmax(dim=1)` turns scores into probabilities, and
# `probabilities[torch.arange(len(labels)), labels]` takes the probability of each label.


# %%
def focal_loss(logits: torch.Tensor, labels: torch.Tensor, gamma: float) -> torch.Tensor:
    probabilities = logits.softmax(dim=1)
    p = probabilities[torch.arange(len(labels)), labels]
    return -gamma * p.log()  # not yet: gamma is no factor


@exercise
def check_focal(formula) -> str:
    labels, scores = torch.from_numpy(before.labels), torch.from_numpy(before.logits)
    for gamma in (0.0, 2.0, 0.5):
        wanted = ck.FocalLoss(gamma=gamma)(scores, labels)
        found = as_tensor(formula(scores, labels, gamma), like=wanted)
        worst = (found - wanted).abs().max().item()
        if not worst < 1e-4:
            raise NotYet(f"with gamma = {gamma:g} a picture is wrong by {worst:.4f}")
    return f"Right, for {len(labels)} pictures and three values of gamma"


check_focal(focal_loss)


# %% tags=["solution"]
def focal_loss(logits: torch.Tensor, labels: torch.Tensor, gamma: float) -> torch.Tensor:
    probabilities = logits.softmax(dim=1)
    p = probabilities[torch.arange(len(labels)), labels]
    return -((1 - p) ** gamma) * p.log()


check_focal(focal_loss)

# %% [markdown]
# The focal loss depends on how *easy* a picture is, not on how *rare* its class is. Its authors
# also gave weights to classes, which they call alpha. In cifarkit this is
# `ck.FocalLoss(class_weights="balanced")`.
#
# ### Label smoothing
#
# Cross-entropy always falls when the network becomes more certain. **Label smoothing** (Szegedy et
# al. 2016) asks for less than full certainty. With `label_smoothing=0.1` and three classes the
# network should give the label 0.9 + 0.1 / 3, and each other class 0.1 / 3. This loss is smallest
# for exactly these probabilities, and even then it is not 0:

# %%
smooth = ck.CrossEntropy(label_smoothing=0.1)
wanted = torch.tensor([[0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3]])
print(f"the lowest value that it can have: {smooth(wanted.log(), torch.tensor([0])).item():.4f}")

# %% [markdown]
# ### The hinge loss
#
# [`MultiMargin`][cifarkit.MultiMargin] does not use probabilities. The logit of the label should be
# larger than every other logit by 1, the **margin**. If it is, the loss is 0 and the network learns
# nothing more from this picture. Support vector machines are trained in this way (Crammer and
# Singer 2001).

# %%
ahead = torch.tensor([[3.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 3.0, 0.0]])
for scores, value in zip(ahead, ck.MultiMargin()(ahead, torch.zeros(3, dtype=int)), strict=True):
    print(f"logits {scores.tolist()}: loss {value.item():.3f} for class 0")

# %% [markdown]
# ## Which curve shows which loss?
#
# We train with all of these once, from the same seed. The plain network is trained again, so that
# its val numbers are of the balanced val too. Its weights are the same as before, because val
# changes no weights.

# %%
losses = {
    "focal": ck.FocalLoss(gamma=2.0),
    "smooth": smooth,
    "margin": ck.MultiMargin(),
}
runs = {"plain": ck.train("plain", data), "weighted": weighted}
for name, loss in losses.items():
    runs[name] = ck.train("plain", data, loss=loss)
for name, run in runs.items():
    last = run.history[-1]
    print(f"{name:<9} train loss {last['train_loss']:.3f}, val loss {last['val_loss']:.3f}", end="")
    print(f", val accuracy {100 * last['val_accuracy']:.1f} %")

# %%
train_axes = ck.plots.curves(runs, "train_loss")

# %% [markdown]
# **The train loss is the loss of the recipe.** Each of these lines has another scale. The focal
# loss gives easy pictures little weight. The loss with label smoothing cannot fall below its lowest
# value. The weighted loss stays high as long as rare pictures are wrong. None of this says which
# network is better. Do not compare train losses of different recipes.

# %%
val_axes = ck.plots.curves(runs, "val_loss")

# %% [markdown]
# **The val loss is always plain cross-entropy**, for every recipe, so you can compare these lines.
# But remember what it measures: the probability of the true class. The hinge loss does not train
# the network to give probabilities. So choose by what you want in the end, here the accuracy on a
# balanced val.
#
# ## Compare, over several seeds
#
# All of this was one run each. For a claim we need pairs over several seeds, as in the tutorial on
# comparing honestly. Each variant gets a name. The networks are the same, and only the loss
# differs.

# %%
for name, loss in {"weighted": weighted_loss, **losses}.items():
    if name != "smooth":
        register = ck.register_model(name, recipe=recipe.replace(loss=loss), summary=repr(loss))
        register(small)
print(ck.get_variant("weighted").differs_from(ck.get_variant("plain")))

# %% [markdown]
# And we decide on the question **before we look**: are weights better than no weights? This is one
# question, so the comparison has two variants.

# %%
comparison = ck.compare(["plain", "weighted"], data, seeds=8, show_progress=False)
print(comparison)

# %% [markdown]
# Test is balanced, so this accuracy is the balanced accuracy. Compare the difference with the
# difference of the single runs above. A single seed can be far from the mean.

# %%
differences_axes = ck.plots.differences(comparison)

# %% [markdown]
# Now we add the other two, only to look at them. Four variants make six pairs, and Holm's
# correction makes each p larger, because it answers six questions. The first two variants keep
# their runs:

# %%
NAMES = ["plain", "weighted", "focal", "margin"]
wider = ck.compare(NAMES, data, seeds=8, show_progress=False)
for each in (comparison, wider):
    print(textwrap.fill(each.verdicts[0].text, 80), end="\n\n")

# %% [markdown]
# The runs are the same and the difference is the same, but the claim is weaker. So ask few
# questions, and ask them beforehand. We only look at the added losses and make no claim about them.
#
# ### What does it cost the frequent classes?
#
# The comparison has one number for each run. For the classes we evaluate the networks again, on
# val. [`runs`][cifarkit.Comparison] of a comparison has the runs by name. Here is the mean recall
# over the seeds.

# %%
recalls = {}
for name in NAMES:
    evaluations = [ck.evaluate(run, data.val) for run in wider.runs[name]]
    recalls[name] = np.array([each.per_class["recall"] for each in evaluations])  # seeds classes
print(f"{'':<9}" + "".join(f"{name:>8}" for name in CLASSES) + "   balanced   as in train")
for name, found in recalls.items():
    row = "".join(f"{100 * recall:>6.1f} %" for recall in found.mean(axis=0))
    as_in_train = (found * train_shares).sum(axis=1).mean()
    print(f"{name:<9}{row}{100 * found.mean():>9.1f} %{100 * as_in_train:>12.1f} %")

# %% [markdown]
# And seed by seed: how many points did each class gain or lose with weights?

# %%
changes = 100 * (recalls["weighted"] - recalls["plain"])  # seeds classes, in points
for name, change in zip(CLASSES, changes.T, strict=True):
    print(f"{name:<6}", " ".join(f"{points:+6.1f}" for points in change))

# %% [markdown]
# Each row has one number for each seed. If all signs of a row agree, the seeds agree. With weights
# the rare class gains many points, and the frequent classes lose some. On a balanced set this is
# good. In a set like train the frequent classes have almost all the pictures, and it is bad. The
# last two columns of the table above show this in two numbers.
#
# The other two losses treat all classes in the same way. Before you expect them to help rare
# classes, compare their rows with the plain one. You can combine weights with them:
# `ck.FocalLoss(class_weights="balanced")` would be one more line in the comparison.
#
# ## What this does not show
#
# - One rare class, one share and one small network were tried. With another share, or with
#   CIFAR-10, the price may be different.
# - All losses were trained with one recipe. A loss with another scale may need another learning
#   rate.
# - We chose nothing by test, and looked at the classes on val. If we had chosen a loss by the last
#   table, we would now report its accuracy on test.
# - Weights were set by counts. The real cost of a mistake may need other weights. Then pass them as
#   numbers, one for each class.
#
# ## Where to go from here
#
# - Change the share of the rare class from 0.1 to 0.02 and to 0.5. When do weights stop mattering?
# - Put `class_weights=(1.0, 1.0, 3.0)` between the two extremes, and find the price in between.
# - [Where it fails](05_where_it_fails.md) reads confusion matrices in more detail.
# - [Looking inside](14_looking_inside.md) asks what a network looks at.
