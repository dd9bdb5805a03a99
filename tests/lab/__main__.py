"""Command line of the lab: `python3 -m tests.lab image` builds the image and prints its path."""

from __future__ import annotations

import argparse

from tests.lab.image import Image


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.lab")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("image", help="build the image when it is out of date, print its path")
    parser.parse_args()
    print(Image.ensure().path)


if __name__ == "__main__":
    main()
