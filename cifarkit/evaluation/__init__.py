"""What a network got right and wrong: metrics, predictions, calibration, error analysis.

`evaluation` holds the numbers of one image set, `mistakes` and `calibration` read more from
them, `temperature` mends confidence, and `predictions` is for pictures without labels. No
plotting, no training.
"""
