"""Many runs, one honest table: which runs, where they are trained, and what may be said of them."""
