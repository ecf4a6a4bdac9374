# %% [markdown]
# # Where it fails: the confusion matrix
#
# An accuracy says how often a network is wrong. It does not say on which pictures, how badly, or
# whether the network could have warned you. At the end of this page you can answer all three. You
# will use the confusion matrix, the largest losses, and a test of how reliable the network's
# confidence is.
#
# It takes a quarter of an hour to read, and the code runs for less than a minute on two processor
# cores. You should have done the first tutorial, and know what a class, a batch and an epoch are.

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
# When you study mistakes, you will change something because of them. If you study the mistakes on
# **test**, your next network is made for these pictures, and its test accuracy is too high. So this
# page looks only at **val**, the pictures for choosing. Test is not used until the last section.
#
# [`evaluate`][cifarkit.evaluate] shows the network every picture of a set and keeps its answers.

# %%
evaluation = ck.evaluate(run.model, data.val)
print(evaluation)

# %% [markdown]
# ## The confusion matrix, row by row
#
# For each picture the network gives one of ten answers. Count the answers separately for each
# class. This is the **confusion matrix**. It has a row for each true class and a column for each
# answer. [`evaluation.confusion`][cifarkit.Evaluation] holds the counts. Here is one row, with all
# pictures that really are rings:

# %%
label = data.classes.index("ring")
row = evaluation.confusion[label]
for name, count in zip(data.classes, row, strict=True):
    print(f"ring called {name:<9} {count:>3} times")
print(f"rings in all: {row.sum()}")

# %% [markdown]
# A row adds up to the number of pictures of its class. A **column** is something different: all
# pictures that were *called* ring, whatever they really were.

# %%
column = evaluation.confusion[:, label]
for name, count in zip(data.classes, column, strict=True):
    print(f"{name:<9} called ring {count:>3} times")
print(f"called ring in all: {column.sum()}")

# %% [markdown]
# Row and column meet on the **diagonal**: rings that were called rings, the right answers. The
# figure shows all rows at once, each in per cent of its sum. The grey diagonal has the right
# answers. The coloured cells are mistakes.

# %%
confusion_axes = ck.plots.confusion(evaluation)

# %% [markdown]
# Read it one row at a time: *of all crosses, so many per cent were called star*. If a column is
# coloured from top to bottom, the network gives this answer too often. This is common in the first
# epochs of a training. Before it can tell the classes apart, the network finds a few answers that
# have a low loss on average.
#
# ## Precision and recall, by hand
#
# There are two questions about each class, and they are easy to mix up.
#
# - **Recall**: of all rings, how many did the network find? Divide the diagonal by the row.
# - **Precision**: when it says "ring", how often is it right? Divide the diagonal by the column.

# %%
right = evaluation.confusion[label, label]
print(f"recall of ring:    {right} of {row.sum()} rings were found")
print(f"precision of ring: {right} of {column.sum()} pictures called ring were rings")

# %% [markdown]
# A network that always says "ring" finds all rings. Its recall is 1, and its precision is low. A
# network that says "ring" once, and is right, has a precision of 1 and a low recall. So look at
# both. If the network never gives a class as its answer, the precision of the class is 0 of 0. By
# convention it is then set to 0.
#
# ### Exercise 1: precision and recall of a class
#
# Correct the function. It gets the matrix of counts and the number of a class, and returns the two
# shares, each between 0 and 1. Do not forget a class that was never answered.


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
# and recall that is high only if both are high (the harmonic mean). n is the number of pictures of
# the class.

# %%
print(evaluation.per_class[["precision", "recall", "f1", "n"]].round(3))

# %% [markdown]
# The figure sorts the classes by F1 and gives each recall a confidence interval. With so few
# pictures of each class the intervals are wide. Before you call one class harder than another,
# check that their intervals do not overlap.

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
# Does a pair appear here in both directions? Then the network cannot tell these two classes apart.
# If it appears in one direction only, the network prefers one of the two answers. Numbers do not
# say *why*. Pictures sometimes do.

# %%
figure = ck.plots.confused(evaluation, data.val, pairs=3, n=6)

# %% [markdown]
# ## How wrong, and how sure?
#
# The network gives each class a **probability**. The ten probabilities add up to 1. The class with
# the largest one is its answer, and this probability is its **confidence**. The **loss** of a
# picture answers another question: what was the probability of the true class? The loss is minus
# the logarithm of this probability. It is 0 for a probability of 1, and 2.303 for a tenth. The
# smaller the probability, the larger the loss. Here it is for the first picture.

# %%
truth = evaluation.labels[0]
belief = evaluation.probabilities[0, truth]
print(f"it is a {data.classes[truth]}, and the network believes so to {100 * belief:.1f} %")
print(f"by hand:  -ln {belief:.4f} = {-math.log(belief):.4f}")
print(f"cifarkit: {evaluation.losses[0]:.4f}")

# %% [markdown]
# So the pictures with the largest loss are those whose true class had a probability near 0. Often
# the network was sure of another class. Sometimes it gave some probability to several classes, but
# not to the right one. [`top_losses`][cifarkit.top_losses] returns their indices in the set, the
# worst first.

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
# In a set of photographs, look here first for **wrong labels**: pictures that a person would name
# as the network did. The synthetic set has none, because each picture was drawn from its label. So
# ask about each picture: what hides the shape? A bar across it, stripes, a background of nearly the
# same colour? Such pictures give you ideas for changes, more often than the accuracy does.
#
# ## Is its confidence reliable?
#
# When a forecast says "70 % chance of rain" on a hundred days, it should rain on about seventy of
# them. Such a forecast is called **calibrated**. We can ask the same about a network: of all
# answers with a confidence of 70 %, are 70 % right?
#
# To find out, sort the answers into **bins** by confidence. In each bin compare two numbers: the
# mean confidence, and how often the network was right. [`calibrate`][cifarkit.calibrate] does this.

# %%
table = ck.calibrate(evaluation, bins=10)
for place, count in enumerate(table.counts):
    if count:  # an empty bin has no mean
        low, high = 100 * table.edges[place], 100 * table.edges[place + 1]
        sure, right = 100 * table.confidence[place], 100 * table.accuracy[place]
        print(f"{low:3.0f} to {high:3.0f} %: {count:>3} answers, ", end="")
        print(f"{sure:.0f} % sure, {right:.0f} % right")

# %% [markdown]
# One number summarises it, the **expected calibration error** or ECE. It is the mean difference
# between confidence and accuracy, where each bin counts as often as it has answers. By hand:

# %%
total = 0.0
for count, sure, right in zip(table.counts, table.confidence, table.accuracy, strict=True):
    if count:
        total += count * abs(sure - right)
print(f"by hand:  {total / len(evaluation):.4f}")
print(f"cifarkit: {table.ece:.4f}")

# %% [markdown]
# The figure of these bins is called a **reliability diagram**. If the dots are on the line, the
# confidence is right. If they are below it, the network is **overconfident**: more sure than it
# should be. If they are above it, the network is **underconfident**. The bars say how far chance
# could have moved each dot, so a bin with few answers has a long bar. A network with all dots on
# the line is not always a good network. "10 % sure of each of the ten classes" is perfectly
# calibrated, and useless.

# %%
reliability_axes = ck.plots.reliability(evaluation, bins=10)

# %% [markdown]
# Train for many more epochs and look again. Networks that have begun to learn their training
# pictures by heart tend to be overconfident on new ones.
#
# ### One number that corrects it
#
# **Temperature scaling** divides all logits by one number, the temperature. A temperature above 1
# makes every answer less confident, and one below 1 more confident. The largest logit stays the
# largest, so no answer changes, and the accuracy does not change.
# [`fit_temperature`][cifarkit.fit_temperature] finds the temperature with the lowest loss on val.

# %%
temperature = ck.fit_temperature(run, data)
cooled = temperature.applied(evaluation)
print("temperature:", temperature)
print(f"loss on val:     {evaluation.loss:.4f} before, {cooled.loss:.4f} after")
print(f"accuracy on val: {evaluation.accuracy:.4f} before, {cooled.accuracy:.4f} after")

# %% [markdown]
# These two losses prove nothing yet, because the temperature was chosen by the same pictures. The
# test set will show whether it works.
#
# ## The number at the end, and how far to trust it
#
# Now suppose that everything has been chosen. [`score_on_test`][cifarkit.score_on_test] uses the
# test set, once, and records in the run that it was used.

# %%
test = ck.score_on_test(run, data)
print(f"{test.correct} of {len(test)} test pictures right: {100 * test.accuracy:.1f} %")
print("95 % interval:", test.accuracy_interval)
print("test was looked at:", ck.looks_at_test(run))

# %% [markdown]
# Another few hundred pictures, drawn in the same way, would give another accuracy. The **Wilson
# interval** says how different. It needs only two numbers: how many answers were right, and how
# many pictures there were. [`wilson_interval`][cifarkit.wilson_interval] takes these two. It
# becomes narrower if the same share is measured on more pictures:

# %%
for n in (100, 1_000, 10_000):
    interval = ck.wilson_interval(round(test.accuracy * n), n)
    print(f"{100 * test.accuracy:.1f} % of {n:>6,} right: {interval}")

# %% [markdown]
# With ten times as many pictures it is about three times as narrow, not ten times, because the
# width depends on the square root of n.
#
# What does "95 %" promise? We can simulate it. Imagine a network that is right on exactly 40 % of
# all possible pictures. Test it on 200 of them, and write down the interval. Do that a thousand
# times, each time with other pictures. How many of the intervals contain 40 %?

# %%
chance = ck.generator_for("a thousand test sets", 0)
answers = torch.rand(1_000, 200, generator=chance) < 0.4  # True: this picture was right
intervals = [ck.wilson_interval(int(hits), 200) for hits in answers.sum(dim=1)]
held = sum(low <= 0.4 <= high for low, high in intervals)
print(f"{held} of {len(intervals)} intervals hold the truth")

# %% [markdown]
# This is the promise: about 95 of 100 such intervals contain the true value. You never know whether
# yours is one of them. The interval is about chance in the *pictures*. It says nothing about chance
# in the training. If you train again with another seed, the accuracy changes too. The tutorial on
# comparing honestly is about that.
#
# ## Did the temperature help?
#
# It was fitted on val. The test pictures were not used for it, so they can test it:

# %%
for word, judged in (("before", test), ("after", temperature.applied(test))):
    print(f"{word:<6} loss {judged.loss:.4f}, calibration error {ck.calibrate(judged).ece:.4f}")

cooled_axes = ck.plots.reliability(temperature.applied(test), bins=10)

# %% [markdown]
# A network that was calibrated before gains little. With so few pictures, chance can move a
# calibration error up or down. A network that knows its training pictures by heart gains much more.
# After 40 epochs of this training, not 6, the error was 0.24 before and 0.06 after, with a
# temperature of 3.4.
#
# ## Where to go from here
#
# - In the [confusion browser](../explorers/confusion.md), a click on a cell shows its pictures.
# - Train longer and follow one pair of confused classes. Does it go away?
# - [Losses and imbalance](13_losses_and_imbalance.md) is about classes with few pictures, and
#   [looking inside](14_looking_inside.md) about what the network looks at.
# - [Val selects, test reports](../explanation/val-selects-test-reports.md) explains why we did not
#   use test before the end.
# - [`write_report`][cifarkit.write_report] puts all figures of this page into the report of a run.
