"""`python -m callkeeper` is the command `callkeeper`."""

from callkeeper.cli.main import main

if __name__ == "__main__":
    main()
