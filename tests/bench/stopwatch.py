#!/usr/bin/python3 -IS
"""Runs commands in turn, round after round, and times each: the part that runs in the machine.

Reads {"rounds": n, "pause": seconds, "commands": [{"name", "argv", "env", "expect"}, ...]} from
stdin and prints a list of {"name", "began", "wall", "cpu"}: `began` is the monotonic clock at the
start in seconds, `wall` and `cpu` (user and system, waited-for children included) milliseconds.
Commands rotate A B C A B C, so that a busy moment of the machine hits all of them.
"""

import json
import os
import sys
import time


def run(command):
    """Run one command to its end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    files = [(os.POSIX_SPAWN_DUP2, nothing, fd) for fd in (0, 1, 2)]
    began = time.monotonic()
    pid = os.posix_spawn(command["argv"][0], command["argv"], command["env"], file_actions=files)
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    os.close(nothing)
    code = os.waitstatus_to_exitcode(status)
    if code != command["expect"]:
        sys.exit(f"{command['name']}: exit code {code}, expected {command['expect']}")
    cpu = used.ru_utime + used.ru_stime
    return {"name": command["name"], "began": began, "wall": wall * 1000, "cpu": cpu * 1000}


def main():
    """Run the job on stdin."""
    job = json.load(sys.stdin)
    times = []
    for _ in range(job["rounds"]):
        for command in job["commands"]:
            times.append(run(command))
            time.sleep(job["pause"])
    json.dump(times, sys.stdout)


main()
