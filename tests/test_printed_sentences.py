"""Placeholder."""
from __future__ import annotations

import dataclasses
import math
from typing import Any
from pathlib import Path

import numpy as np
import pytest

import cifarkit as ck
from cifarkit.tuning.space import varied

A = (0.70, 0.71, 0.72, 0.70, 0.71, 0.73, 0.72, 0.71, 0.70, 0.72, 0.71, 0.72)
B = (0.66, 0.65, 0.67, 0.66, 0.65, 0.67, 0.66, 0.66, 0.65, 0.67, 0.66, 0.66)
C = (0.71, 0.70, 0.72, 0.71, 0.70, 0.73, 0.71, 0.72, 0.71, 0.70, 0.72, 0.71)
N = "batchnorm", "baseline"
NEAR = {"threshold": 0.97, "test": [0, 1, 2, 999]}


def four(n):
    return {"baseline": B[:n], "batchnorm": A[:n], "augmented": C[:n], "deeper": [a + 0.05 for a in A[:n]]}


COMPARISONS = {
    "alone": ({"baseline": A[:8]}, {}),
    "alone one seed": ({"baseline": A[:1]}, {}),
    "two decided": ({"baseline": B[:8], "batchnorm": A[:8]}, {}),
    "two undecided": ({"baseline": C[:8], "batchnorm": A[:8]}, {}),
    "two one seed": ({"baseline": B[:1], "batchnorm": A[:1]}, {}),
    "two five": ({"baseline": B[:5], "batchnorm": A[:5]}, {}),
    "equal five": ({"baseline": B[:5], "batchnorm": B[:5]}, {}),
    "four decided": (four(8), {}),
    "four few": (four(5), {}),
    "same within": ({"baseline": C[:12], "batchnorm": A[:12]}, {"margin": 0.02}),
    "same and better": ({"baseline": B, "batchnorm": [b + 0.004 + 0.001 * (i % 3) for i, b in enumerate(B)]}, {"margin": 0.02}),
    "same not shown": ({"baseline": C[:8], "batchnorm": A[:8]}, {"margin": 0.001}),
    "until decided": (four(8), {"until": "decided"}),
    "until few": (four(3), {"until": "decided"}),
    "until not": ({"baseline": C, "batchnorm": A}, {"until": "decided"}),
    "until budget": ({"baseline": C[:6], "batchnorm": A[:6]}, {"until": "decided", "left_out": (6, 7, 8, 9, 10, 11)}),
    "left out": (four(8), {"left_out": (8,), "failures": ("mlp seed 0: NonFiniteLossError: the loss is nan in epoch 1",)}),
    "many": ({"baseline": [*C, *C], "batchnorm": [*A, *A]}, {}),
    "collapsed": ({"baseline": [*B[:7], 0.1], "batchnorm": A[:8]}, {}),
    "other seeds": ({"baseline": dict(zip(range(3, 11), B)), "batchnorm": dict(zip(range(3, 11), A))}, {}),
    "none common": ({"baseline": {0: 0.5}, "batchnorm": {1: 0.6}}, {}),
    "synthetic": (four(8), {"data": "synthetic"}),
    "nothing": ({"baseline": [0.4, 0.5], "mlp": []}, {}),
    "others": ({"linear": B[:8], "mlp": A[:8], "resnet20": C[:8]}, {}),
}


def near(c, found):
    return dataclasses.replace(c, data={**c.data, "near_duplicates": found})


def test_print(make_comparison: Any) -> None:
    from cifarkit.report.comparison_page import _list
    from cifarkit.plots.comparison_findings import comparison_finding, differences_finding
    for name, (given, more) in COMPARISONS.items():
        c = make_comparison(given, **more)
        print("=" * 20, name)
        print(c)
        print("F:", comparison_finding(c), "|", differences_finding(c))
    print(near(make_comparison(four(8)), NEAR))
    print(near(make_comparison(four(8)), {"threshold": 0.97, "test": []}))
