"""The training loop, and the callbacks that may listen to it.

`trainer` is the loop; `run` is what listeners see and `fit` returns; `callback` is the protocol
with its seven hooks and `callbacks` those that come with cifarkit; `progress` shows the run.
"""
