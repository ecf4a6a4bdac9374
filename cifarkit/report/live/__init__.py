"""A network that runs in a web page: its program, the script that runs it, and the view."""
