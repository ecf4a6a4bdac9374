"""The command line: one file for each command, and nothing computed here that Python cannot do.

torch and the figures are imported inside the commands, so that `--help` answers at once.
"""
