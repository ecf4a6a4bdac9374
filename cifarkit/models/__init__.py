"""The registry, and one file per family of built-in variants.

The ladder, lowest rung first: `perceptrons` (linear, mlp), `convolutional` (baseline, batchnorm,
augmented, deeper), `residual` (resnet20), `speedrun` (speedrun, speedrun-wide, speedrun-gpu). Each
is written as yours would be, except that it imports torch inside the builder: so listing the
variants does not wait for torch.
"""
