"""Many runs, and what may honestly be said about them."""
