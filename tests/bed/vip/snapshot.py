"""All that a machine has of addresses and routes, to compare before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.bed.machine import Machine
from tests.lab.processes import wait_until

_COUNTED_DOWN = ("valid_life_time", "preferred_life_time", "expires")
_FOREVER = 4294967295


@dataclass(frozen=True)
class Snapshot:
    """The output of `ip -json`, with what counts down (finite lifetimes) shown as "finite"."""

    addresses: list[dict[str, Any]]
    routes: list[dict[str, Any]]

    def without(self, ip: str) -> Snapshot:
        """The same without one address and the kernel's own routes to it."""
        kept = [info for info in self.addresses if info["local"] != ip]
        return Snapshot(kept, [route for route in self.routes if route["dst"] != ip])


def snapshot(machine: Machine) -> Snapshot:
    """Take one, once no address is tentative any more: its end changes flags and routes."""
    wait_until(lambda: not machine.ip("address show tentative"), 10, "addresses to be usable")
    found = [
        {**info, "link": link["ifname"]}
        for link in machine.ip_json("address show")
        for info in link["addr_info"]
    ]
    routes = [
        route for family in (4, 6) for route in machine.ip_json(f"-{family} route show table all")
    ]
    return Snapshot(_comparable(found), _comparable(routes))


def _comparable(things: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same in one order, whatever the kernel's, and without what counts down."""
    for thing in things:
        for name in _COUNTED_DOWN:
            if thing.get(name, _FOREVER) != _FOREVER:
                thing[name] = "finite"
    return sorted(things, key=lambda thing: sorted(map(str, thing.items())))
