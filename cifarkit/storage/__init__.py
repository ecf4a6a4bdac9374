"""Files that survive: atomic writes, and tensor files that hold data alone."""
