"""Whether a run is what it says: scored again, its weights tried, its training repeated."""
