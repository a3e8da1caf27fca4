"""``python -m bench`` is the command ``bench``."""

from bench.cli import entry

if __name__ == "__main__":
    entry()
