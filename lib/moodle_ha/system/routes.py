"""Which link leads to an address, by this machine's routing table."""

from __future__ import annotations

from _struct import pack, unpack_from

from .addresses import IpAddress
from .netlink import GETROUTE, Netlink, attributes

_MAIN_TABLE = 254
_UNICAST = 1
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_TABLE, _RTA_VIA = 1, 4, 5, 6, 15, 18


class Route:
    """A unicast route of the main table: network, link index, metric, and whether by a gateway."""

    __slots__ = ("by_gateway", "index", "metric", "network", "prefix")

    def __init__(
        self, network: bytes, prefix: int, index: int, metric: int, by_gateway: bool
    ) -> None:
        self.network = network
        self.prefix = prefix
        self.index = index
        self.metric = metric
        self.by_gateway = by_gateway


def routes(netlink: Netlink, family: int) -> list[Route]:
    """The unicast routes of the main table that name a single link.  Raises NetlinkError."""
    found = []
    for body in netlink.dump(GETROUTE, pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)):
        prefix, table, kind = body[1], body[4], body[7]
        network, index, metric, by_gateway = b"", 0, 0, False
        for attribute, value in attributes(body, 12):
            if attribute == _RTA_DST:
                network = value
            elif attribute == _RTA_OIF:
                index = unpack_from("=i", value)[0]
            elif attribute == _RTA_PRIORITY:
                metric = unpack_from("=I", value)[0]
            elif attribute in (_RTA_GATEWAY, _RTA_VIA):
                by_gateway = True
            elif attribute == _RTA_TABLE:
                table = unpack_from("=I", value)[0]
        if table == _MAIN_TABLE and kind == _UNICAST and index:
            found.append(Route(network, prefix, index, metric, by_gateway))
    return found


def best(candidates: list[Route], ip: IpAddress) -> Route | None:
    """The route by which this machine is a neighbour of `ip`; None when none leads there.

    Routes without a gateway come first, since a virtual address belongs on the link where it is
    a neighbour; then the most specific network, then the lowest metric, then the lowest link
    index, so that two equal routes are never an error (resource-agents issues 1963, 1976).
    """
    matching = [
        route
        for route in candidates
        if ip.in_network(route.network or b"\0" * len(ip.packed), route.prefix)
    ]
    return min(
        matching,
        key=lambda route: (route.by_gateway, -route.prefix, route.metric, route.index),
        default=None,
    )
