"""Show a run while it trains: its rows, how far it is, and how long it will take."""
