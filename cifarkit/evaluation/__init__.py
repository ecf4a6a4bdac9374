"""What a network got right and wrong: metrics, predictions, calibration, error analysis.

`evaluation` holds the numbers of one image set, `mistakes` and `calibration` read more out of
them, `predictions` is for pictures whose labels nobody knows. No plotting, no training.
"""
