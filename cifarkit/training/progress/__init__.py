"""Showing a run while it trains: one callback, one table, three renderers."""
