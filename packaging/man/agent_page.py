"""Write a page about a resource agent from its metadata.

    AGENT meta-data | agent_page.py roff|markdown EXAMPLES_FOLDER

The page goes to stdout.  The date of a manual page is SOURCE_DATE_EPOCH (seconds since 1970) when
that is set, else today.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import examples
import markdown_page
import metadata
import roff_page


def main(form: str, examples_folder: str) -> None:
    """Read the metadata from stdin and print the page in the form asked for."""
    agent = metadata.parse(sys.stdin.read())
    shown = examples.read(Path(examples_folder), agent.name)
    if form == "roff":
        epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
        sys.stdout.write(roff_page.page(agent, shown, epoch))
    elif form == "markdown":
        sys.stdout.write(markdown_page.page(agent, shown))
    else:
        sys.exit(f"agent_page.py: unknown form {form}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
