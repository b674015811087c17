"""`python -m aezoo` is the command `aezoo`."""

from __future__ import annotations

from aezoo.cli import main

if __name__ == "__main__":
    main()
