"""What a training leaves: its run, its folder, and all that can be read from there.

`run` is what callbacks are given, `fit` returns and `load_run` reads; `folder` holds its files.
Nothing here trains, or asks for a device.
"""
