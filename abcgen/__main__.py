"""Lets ``python -m abcgen`` do what ``abcgen`` does."""

from abcgen.cli import main

if __name__ == "__main__":
    main()
