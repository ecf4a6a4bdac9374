"""`python -m cifarkit` is the command line."""

from cifarkit.cli.main import main

if __name__ == "__main__":
    main()
