"""What the tests of the vip share: its addresses, and what is to be seen of it on a machine."""

from __future__ import annotations

from typing import Any

from tests.bed.machine import Machine

IP, IP6 = "192.0.2.10", "2001:db8::10"


def state_files(node: Machine) -> list[str]:
    """The state files of all resources."""
    folder = node.root / "run/moodle-ha"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def address(node: Machine, ip: str = IP, nic: str = "eth0") -> dict[str, Any]:
    """The one address `ip` as the kernel describes it."""
    (found,) = [info for info in node.addresses(nic) if info["local"] == ip]
    return found
