"""Verify a run: score it again, evaluate its weights, and repeat its training."""
