"""Checks of exercises: right answers in any type pass, wrong and empty ones get one sentence."""

from __future__ import annotations

import contextlib
import importlib
import math
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from cifarkit.exercises import NotYet, as_number, as_numbers, as_tensor, exercise, is_close

ROOT = Path(__file__).parents[1]
