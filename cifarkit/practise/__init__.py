"""The exercises of the tutorials, in the terminal: a file for the answer, and its check.

`percent` reads a tutorial's cells, `exercises` finds the exercises in them, `needs` finds the code
of the tutorial that a check needs, and `check` runs the check on the file with the answer.
"""
