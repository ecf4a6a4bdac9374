# %% [markdown]
# # Where it fails: the confusion matrix
#
# "43 % right" says how often a network is wrong. It does not say on what, how badly, or whether
# the network could have warned you. At the end of this page you can answer all three: with the
# confusion matrix, with the largest losses, and with a look at how far the network's own
# certainty can be believed.
#
# It takes a quarter of an hour to read; the code runs for less than a minute on two processor
# cores. You should have gone through the first tutorial, and know what a class, a batch and an
# epoch are.

# %%
import math

import torch

import cifarkit as ck
from cifarkit.exercises import NotYet, as_numbers, exercise, is_close

# %%
N_TRAIN = 1_600  # pictures to learn from
N_VAL = 400  # of these, set aside to look at
N_TEST = 400  # pictures for the number at the end
EPOCHS = 6  # how often to go through the training pictures

# %%
data = ck.load_synthetic(n_train=N_TRAIN, n_test=N_TEST, val_size=N_VAL)
run = ck.train("baseline", data, epochs=EPOCHS, batch_size=32, show_progress=True)

# %% [markdown]
# ## Look at val, not at test
#
# Whoever studies mistakes will change something because of them. Study those on **test**, and
# your next network will have been made for these very pictures; its test number will then be too
# good. So everything on this page is looked at on **val**, the pictures set aside for choosing.
# Test stays closed until the last section.
#
# [`evaluate`][cifarkit.evaluate] shows the network every picture of a set and keeps what it says.

# %%
evaluation = ck.evaluate(run.model, data.val)
print(evaluation)

# %% [markdown]
# ## The confusion matrix, row by row
#
# The network is asked about each picture, and gives one of ten answers. Count the answers, apart
# for each class, and you have the **confusion matrix**: a row for each true class, a column for
# each answer. [`evaluation.confusion`][cifarkit.Evaluation] holds the counts. Here is one row of
# it, all the pictures that really are rings:

# %%
label = data.classes.index("ring")
row = evaluation.confusion[label]
for name, count in zip(data.classes, row, strict=True):
    print(f"ring called {name:<9} {count:>3} times")
print(f"rings in all: {row.sum()}")

# %% [markdown]
# A row adds up to the number of pictures of its class. A **column** is something else: all the
# pictures that were *called* ring, whatever they really were.

# %%
column = evaluation.confusion[:, label]
for name, count in zip(data.classes, column, strict=True):
    print(f"{name:<9} called ring {count:>3} times")
print(f"called ring in all: {column.sum()}")

# %% [markdown]
# Row and column meet on the **diagonal**: rings that were called rings, the right answers. The
# figure shows all rows at once, each in per cent of its own sum. The grey diagonal holds what was
# right; colour is kept for the mistakes.

# %%
confusion_axes = ck.plots.confusion(evaluation)

# %% [markdown]
# Read it one row at a time: *of all crosses, so many per cent were called star*. A column that is
# coloured from top to bottom is an answer that the network gives too readily. In the first epochs
# of a training that is common: the network has found a few answers that are cheap on average,
# before it can tell the classes apart.
#
# ## Precision and recall, by hand
#
# Two questions are asked of each class, and they are easily mixed up.
#
# - **Recall**: of all rings, how many did the network find? Divide the diagonal by the row.
# - **Precision**: when it says "ring", how often is it one? Divide the diagonal by the column.

# %%
right = evaluation.confusion[label, label]
print(f"recall of ring:    {right} of {row.sum()} rings were found")
print(f"precision of ring: {right} of {column.sum()} pictures called ring were rings")

# %% [markdown]
# A network that says "ring" to everything finds all rings: its recall is 1, and its precision is
# poor. One that says "ring" once, and is right, has a precision of 1 and a poor recall. So look at
# both. A class that is never answered has no precision at all, 0 of 0; by convention 0 is put
# there.
#
# ### Exercise 1: precision and recall of a class
#
# Mend the function. It is given the matrix of counts and the number of a class, and returns the
# two shares, each between 0 and 1. Mind the class that was never answered.


# %%
def precision_and_recall(confusion, label: int) -> tuple[float, float]:
    right = confusion[label, label]
    return right, right  # not yet: these are counts


@exercise
def check_precision_and_recall(formula) -> str:
    for label, name in enumerate(data.classes):
        found = as_numbers(formula(evaluation.confusion, label), 2)
        for word, share in zip(("precision", "recall"), found, strict=True):
            wanted = evaluation.per_class[word][name]
            if not is_close(share, wanted):
                raise NotYet(f"{name} has {word} {wanted:.3f}, yours says {share:.3f}")
    return f"Right, for all {len(data.classes)} classes"


check_precision_and_recall(precision_and_recall)


# %% tags=["solution"]
def precision_and_recall(confusion, label: int) -> tuple[float, float]:
    right = confusion[label, label]
    answered = confusion[:, label].sum()  # the column
    there = confusion[label].sum()  # the row
    return right / max(answered, 1), right / max(there, 1)  # 0 of 0 becomes 0 of 1


check_precision_and_recall(precision_and_recall)

# %% [markdown]
# [`evaluation.per_class`][cifarkit.Evaluation] is the whole table. **F1** is a mean of precision
# and recall that is high only where both are (the harmonic mean), and n counts the pictures of
# the class.

# %%
print(evaluation.per_class[["precision", "recall", "f1", "n"]].round(3))

# %% [markdown]
# The figure sorts the classes by F1 and gives each recall an interval. With so few pictures of
# each class the intervals are wide. Before you call one class harder than another, look whether
# their intervals are apart.

# %%
class_axes = ck.plots.per_class(evaluation)

# %% [markdown]
# ## Which classes are mixed up?
#
# Ten classes can be confused in 90 ways. [`confused_pairs`][cifarkit.confused_pairs] sorts them by
# how often it happened.

# %%
for pair in ck.confused_pairs(evaluation, k=5):
    print(pair)

# %% [markdown]
# Does a pair stand here in both directions? Then the network cannot tell these two classes apart.
# If in one direction only, it prefers one of the two answers. Numbers do not say *why*; pictures
# sometimes do.

# %%
figure = ck.plots.confused(evaluation, data.val, pairs=3, n=6)

# %% [markdown]
# ## How wrong, and how sure?
#
# The network gives each class a **probability**, a share of its belief; ten of them add up to 1.
# The largest is its answer, and the size of it is its **confidence**. The **loss** of a picture
# asks something else: how much belief was left for the true class? It is minus the logarithm of
# that share: 0 when all of it was there, 2.303 when a tenth was, and ever larger when less was.
# Let us work it out for the first picture.

# %%
truth = evaluation.labels[0]
belief = evaluation.probabilities[0, truth]
print(f"it is a {data.classes[truth]}, and the network believes so to {100 * belief:.1f} %")
print(f"by hand:  -ln {belief:.4f} = {-math.log(belief):.4f}")
print(f"cifarkit: {evaluation.losses[0]:.4f}")

# %% [markdown]
# So the pictures with the largest loss are those where almost no belief was left for the truth.
# Often the network was sure of something else; sometimes it had spread its belief over several
# classes, and left out the right one. [`top_losses`][cifarkit.top_losses] gives their places in
# the set, the worst first.

# %%
for place in ck.top_losses(evaluation, k=3):
    truth, answer = evaluation.labels[place], evaluation.predicted[place]
    print(
        f"picture {place}: a {data.classes[truth]}, called {data.classes[answer]}, "
        f"loss {evaluation.losses[place]:.2f}"
    )

# %%
figure = ck.plots.top_losses(evaluation, data.val, n=9)

# %% [markdown]
# In a set of photographs, look here first for **wrong labels**: a picture that a person would
# name as the network did. Our stand-in has none, for each picture was drawn from its label. So
# ask of each: what hides the shape? A bar across it, stripes, a backdrop of nearly the same
# colour? Ideas for what to change come from here more often than from the accuracy.
#
# ## Can its confidence be believed?
#
# When a forecast says "70 % chance of rain" on a hundred days, it should rain on about seventy of
# them. Such a forecast is called **calibrated**. The same can be asked of a network: of all the
# answers that it was 70 % sure of, are 70 % right?
#
# To find out, sort the answers into **bins** by confidence, and compare two numbers in each bin:
# how sure the network was on average, and how often it was right.
# [`calibrate`][cifarkit.calibrate] does it.

# %%
table = ck.calibrate(evaluation, bins=10)
for place, count in enumerate(table.counts):
    if count:  # an empty bin has no mean
        low, high = 100 * table.edges[place], 100 * table.edges[place + 1]
        sure, right = 100 * table.confidence[place], 100 * table.accuracy[place]
        print(f"{low:3.0f} to {high:3.0f} %: {count:>3} answers, ", end="")
        print(f"{sure:.0f} % sure, {right:.0f} % right")

# %% [markdown]
# One number sums it up, the **expected calibration error** or ECE: the mean gap between being sure
# and being right, where each bin counts as often as it has answers. By hand:

# %%
total = 0.0
for count, sure, right in zip(table.counts, table.confidence, table.accuracy, strict=True):
    if count:
        total += count * abs(sure - right)
print(f"by hand:  {total / len(evaluation):.4f}")
print(f"cifarkit: {table.ece:.4f}")

# %% [markdown]
# The figure of these bins is called a **reliability diagram**. Dots on the line: as often right as
# sure. Dots below it: **overconfident**, surer than it may be. Dots above it: **underconfident**.
# The bars say how far chance could have moved each dot, and a bin with few answers has a long
# one. A network with dots on the line is not thereby a good one: "10 % sure of each of the ten
# classes" is perfectly calibrated, and useless.

# %%
reliability_axes = ck.plots.reliability(evaluation, bins=10)

# %% [markdown]
# Train for many more epochs and look again. Networks that have begun to learn their training
# pictures by heart tend to be overconfident on new ones.
#
# ### One number that mends it
#
# **Temperature scaling** divides all logits by one number, the temperature. Above 1 it makes every
# answer less sure, below 1 surer. The largest logit stays the largest, so no answer changes, and
# no accuracy. [`fit_temperature`][cifarkit.fit_temperature] finds the temperature with the lowest
# loss on val.

# %%
temperature = ck.fit_temperature(run, data)
cooled = temperature.applied(evaluation)
print("temperature:", temperature)
print(f"loss on val:     {evaluation.loss:.4f} before, {cooled.loss:.4f} after")
print(f"accuracy on val: {evaluation.accuracy:.4f} before, {cooled.accuracy:.4f} after")

# %% [markdown]
# These two losses prove nothing yet: the temperature was chosen by the very pictures that they are
# measured on. Whether it holds is for test to say.
#
# ## The number at the end, and how far to trust it
#
# Now suppose that everything has been chosen. [`score_on_test`][cifarkit.score_on_test] opens the
# test set, once, and leaves a note in the run that it was opened.

# %%
test = ck.score_on_test(run, data)
print(f"{test.correct} of {len(test)} test pictures right: {100 * test.accuracy:.1f} %")
print("95 % interval:", test.accuracy_interval)
print("test was looked at:", ck.looks_at_test(run))

# %% [markdown]
# Another few hundred pictures, drawn in the same way, would have given another accuracy. The
# **Wilson interval** says how different. It needs two numbers alone, how many were right and how
# many there were; [`wilson_interval`][cifarkit.wilson_interval] takes just these. See how it
# narrows when the same share is measured on more pictures:

# %%
for n in (100, 1_000, 10_000):
    interval = ck.wilson_interval(round(test.accuracy * n), n)
    print(f"{100 * test.accuracy:.1f} % of {n:>6,} right: {interval}")

# %% [markdown]
# Ten times the pictures make it about three times as narrow, not ten times: the width goes with
# the square root of n.
#
# What does "95 %" promise? Play it through. Imagine a network that is right on exactly 40 % of all
# pictures there could be, test it on 200 of them, and write down the interval. Do that a thousand
# times, each time with other pictures. In how many of the intervals do the 40 % lie?

# %%
chance = ck.generator_for("a thousand test sets", 0)
answers = torch.rand(1_000, 200, generator=chance) < 0.4  # True: this picture was right
intervals = [ck.wilson_interval(int(hits), 200) for hits in answers.sum(dim=1)]
held = sum(low <= 0.4 <= high for low, high in intervals)
print(f"{held} of {len(intervals)} intervals hold the truth")

# %% [markdown]
# That is the promise: about 95 of 100 such intervals hold the truth. You never know whether yours
# is one of them. And mind what it is about: chance in the *pictures*. It says nothing about chance
# in the training. Train again with another seed, and the accuracy will be another, too. The
# tutorial on comparing honestly is about that.
#
# ## Did the temperature hold?
#
# It was fitted on val. The pictures of test took no part in it, so they may judge it:

# %%
for word, judged in (("before", test), ("after", temperature.applied(test))):
    print(f"{word:<6} loss {judged.loss:.4f}, calibration error {ck.calibrate(judged).ece:.4f}")

cooled_axes = ck.plots.reliability(temperature.applied(test), bins=10)

# %% [markdown]
# A network that was calibrated before gains little, and chance can move a calibration error of so
# few pictures either way. A network trained until it knows its training pictures by heart gains
# much more: after 40 epochs of this training in place of 6 the error was 0.24 before and 0.06
# after, with a temperature of 3.4.
#
# ## Where to go from here
#
# - Train longer and follow one pair of confused classes. Does it go away?
# - [Losses and imbalance](13_losses_and_imbalance.md) is about classes with few pictures, and
#   [looking inside](14_looking_inside.md) about what the network looks at.
# - [Val selects, test reports](../explanation/val-selects-test-reports.md): why test stayed closed.
# - All figures of this page are also on the page that
#   [`write_report`][cifarkit.write_report] makes of a run.
