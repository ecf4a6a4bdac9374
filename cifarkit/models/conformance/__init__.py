"""Whether a builder does what every variant must do: one question after the other.

`building` asks the builder, `answering` the network as it is, `learning` the network in training;
`check` asks them all and `report` says what was found.
"""
