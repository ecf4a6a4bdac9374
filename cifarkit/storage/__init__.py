"""Files that survive: atomic writes, the data-only tensor file, the run folder, the caches."""
