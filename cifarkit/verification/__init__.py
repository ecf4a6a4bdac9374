"""Whether a run is what it says: its receipt scored again, its weights tried, its training repeated."""
