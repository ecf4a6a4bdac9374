"""Check whether a builder does what every variant must do, one question after the other.

`building` checks the builder, `answering` a network's logits, and `learning` a network in training.
`check` runs all checks, and `report` says what was found.
"""
