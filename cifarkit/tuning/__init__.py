"""Search for a better recipe by val, and ask on fresh seeds whether it is one."""
