"""Hydra's flags, as far as they make sense here."""

import argparse

INFORMATION = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
"""What `--info` tells; all of it by default."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `recurbench run`, which stand between its overrides."""
    parser.add_argument("--multirun", "-m", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--cfg", "-c", choices=["job", "hydra", "all"])
    parser.add_argument("--resolve", action="store_true")
    parser.add_argument("--package", "-p")
    parser.add_argument("--info", "-i", choices=INFORMATION)
    parser.add_argument("--hydra-help", action="store_true")
    parser.add_argument("--config-dir", "-cd", metavar="DIR")
    parser.add_argument("--config-name", "-cn", default="config", metavar="NAME")
