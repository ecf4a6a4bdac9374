"""The callbacks that come with cifarkit, one file each.

One intervenes: `gradient_clip` changes gradients. The others observe.
"""
