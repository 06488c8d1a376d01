"""`python -m recurbench` is the command `recurbench`."""

import sys

from recurbench.harness.cli import main

if __name__ == "__main__":
    sys.exit(main())
