"""Many runs, variants by seeds, and what may honestly be said about them."""
