"""The registry, and one file per family of built-in variants.

The ladder, lowest rung first: `perceptrons` (linear, mlp), `convolutional` (baseline, batchnorm,
augmented, deeper), `residual` (resnet20), `speedrun` (speedrun, speedrun-wide, speedrun-gpu). Each
is written like a user's variant, but imports torch inside the builder, so that listing the variants
does not wait for torch.
"""
