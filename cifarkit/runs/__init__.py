"""The result of a training: its run, its folder, and everything that can be read from the folder.

`run` is what callbacks are given, `fit` returns and `load_run` reads; `folder` holds its files.
Nothing here trains or uses a GPU.
"""
