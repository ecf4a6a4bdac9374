"""Search for a better recipe by val, and test on fresh seeds whether it is better."""
