"""Pictures and labels: image sets and splits, augmentations, and where pictures come from.

The path of the data: a source (`cifar`, `image_folder`, `arrays`, `synthetic`) gives two image
sets; `splits` takes val out of train; `batches` cuts, augments, scales and mixes them.
"""
