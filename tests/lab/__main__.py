"""Command line of the lab, from the top of the checkout: python3 -m tests.lab COMMAND.

Example:
    python3 -m tests.lab up lb1 lb2 db1=kernel
    python3 -m tests.lab sh lb1 crm_mon -1
    python3 -m tests.lab cut lb1 --scope peers
    python3 -m tests.lab down
"""

from __future__ import annotations

import argparse
import shlex
import sys

from tests.lab import supervisor
from tests.lab.image import Image
from tests.lab.lab import KINDS, Kind, take_machine
from tests.lab.processes import LabError
from tests.lab.recipe import ImageError

_POWER = {
    "kill": "take a node's power away",
    "boot": "switch a node on",
    "freeze": "stop a node as a hypervisor pauses a machine",
    "thaw": "let a frozen node go on",
    "heal": "end the cut of a node",
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="python3 -m tests.lab",
        description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("image", help="build the image when it is out of date, print its path")
    up = commands.add_parser("up", help="start a lab in the background")
    up.add_argument("nodes", nargs="*", default=["lb1", "lb2"], metavar="NAME[=KIND]")
    up.add_argument("--no-cluster", action="store_true", help="boot the nodes only")
    up.add_argument("--wait", type=float, default=0, metavar="MINUTES", help="for another lab")
    shell = commands.add_parser("sh", help="run a command in a node (or in: client)")
    shell.add_argument("--timeout", type=float, default=60, metavar="SECONDS")
    shell.add_argument("node")
    shell.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    for name, text in _POWER.items():
        commands.add_parser(name, help=text).add_argument("node")
    cut = commands.add_parser("cut", help="cut a node off; the default is the cable pulled out")
    cut.add_argument("node")
    cut.add_argument("--scope", choices=["all", "peers"], default="all")
    cut.add_argument("--direction", choices=["both", "in", "out"], default="both")
    commands.add_parser("status", help="show the nodes and what was fenced")
    commands.add_parser("down", help="end the lab")
    return top


def read_nodes(words: list[str]) -> dict[str, Kind]:
    """Read NAME[=KIND] words; without a kind it is a namespace node."""
    nodes: dict[str, Kind] = {}
    for word in words:
        name, _, kind = word.partition("=")
        if kind not in ("", *KINDS):
            raise LabError(f"{word}: a node is one of {', '.join(KINDS)}")
        nodes[name] = "kernel" if kind == "kernel" else "namespace"
    return nodes


def run(options: argparse.Namespace) -> int:
    """Do one command and return the exit code."""
    if options.command == "image":
        print(Image.ensure().path)
        return 0
    if options.command == "up":
        supervisor.start(read_nodes(options.nodes), not options.no_cluster, options.wait)
        options.command = "status"
    request = {key: value for key, value in vars(options).items() if key not in ("words", "nodes")}
    if options.command == "sh":
        # One word is shell text, several are a command with its arguments.
        words = options.words
        request["text"] = words[0] if len(words) == 1 else shlex.join(words)
    answer = supervisor.ask(request)
    sys.stdout.write(answer.get("out", ""))
    if options.command == "down":
        take_machine(minutes=1, say=lambda _: None).release()
    return int(answer.get("code", 1))


def main() -> None:
    """Run one command; problems become one message and exit code 1."""
    try:
        sys.exit(run(parser().parse_args()))
    except (LabError, ImageError) as error:
        sys.exit(f"lab: {error}")


if __name__ == "__main__":
    main()
