"""Comparisons: which runs to train, where to train them, and what their results allow to say."""
