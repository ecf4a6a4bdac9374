"""The callbacks that come with cifarkit, one file each.

Two intervene: `mixup` replaces batches, `gradient_clip` changes gradients. The others observe.
"""
