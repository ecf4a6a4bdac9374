"""The training loop and its callbacks.

`trainer` assembles a training and `loop` runs it. `callback` has the base class with its seven
hooks, `callbacks` the callbacks of cifarkit, and `progress` the one that shows a run.
"""
