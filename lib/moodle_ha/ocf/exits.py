"""Exit codes of the OCF resource agent API 1.1, and the errors that end an action with one.

What Pacemaker makes of each code is the reason for its use here (Pacemaker Explained, "Resource
Agent Status Codes", and unpack.c, where that page is silent):

- 1 is retried, here or elsewhere, by migration-threshold: for everything that time, another node
  or a synchronisation can cure.
- 2, 4 and 5 ban the resource from this node (a clone: all its instances there) until an
  administrator cleans up: for what needs one on this node.
- 6 stops the resource on every node: returned by validate-all alone, for a value that no node
  could ever accept.
- 190 and 191 count as running, and are shown as a failed operation: works, but somebody must
  look.  Only a monitor may return them.
"""

from __future__ import annotations

import errno

SUCCESS = 0
ERR_GENERIC = 1
ERR_ARGS = 2
ERR_UNIMPLEMENTED = 3
ERR_PERM = 4
ERR_INSTALLED = 5
ERR_CONFIGURED = 6
NOT_RUNNING = 7
RUNNING_PROMOTED = 8
FAILED_PROMOTED = 9
DEGRADED = 190
DEGRADED_PROMOTED = 191


class OcfError(Exception):
    """Ends the action with `code`; `reason` says what was seen, where, and what cures it.

    The reason becomes the `ocf-exit-reason:` line that crm_mon shows: one line, no secrets.
    """

    code = ERR_GENERIC

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Failed(OcfError):
    """1: it did not work, and may work later or elsewhere."""


class WrongHere(OcfError):
    """2: a parameter is wrong on this node."""

    code = ERR_ARGS


class Unimplemented(OcfError):
    """3: the agent has no such action."""

    code = ERR_UNIMPLEMENTED


class NotPermitted(OcfError):
    """4: this process may not do that."""

    code = ERR_PERM


class NotInstalled(OcfError):
    """5: a program, module or kernel feature is absent on this node."""

    code = ERR_INSTALLED


class NeverValid(OcfError):
    """6: no node could ever accept this configuration; for validate-all alone."""

    code = ERR_CONFIGURED


class NotRunning(OcfError):
    """7: cleanly stopped.  A probe that finds nothing says so without a reason line."""

    code = NOT_RUNNING


class FailedPromoted(OcfError):
    """9: failed while promoted; Pacemaker demotes, stops and starts."""

    code = FAILED_PROMOTED


class Degraded(OcfError):
    """190: runs and does its work, but an administrator must look.

    Raised from start or promote it ends the action with 0: Pacemaker 2.1.5 takes 190 from
    anything but a monitor for a failure.  The node attribute says it all the same.
    """

    code = DEGRADED


class DegradedPromoted(Degraded):
    """191: the same for a promoted instance."""

    code = DEGRADED_PROMOTED


def refused(what: str, error: OSError) -> OcfError:
    """The exit for something that the kernel refused: `what` as in "put the address on eth0"."""
    about = f" about {error.filename}" if error.filename else ""
    said = f"cannot {what}: the kernel says {error.strerror!r}{about}"
    if error.errno in (errno.EPERM, errno.EACCES):
        return NotPermitted(f"{said}; run this as root")
    return Failed(f"{said}; see the kernel's log (dmesg) on this node")
