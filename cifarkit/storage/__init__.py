"""Files that survive: atomic writes, and tensor files that hold only data."""
