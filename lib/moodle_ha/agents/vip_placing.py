"""The part of ocf:moodle:vip that changes the machine; monitor does without loading it."""

from __future__ import annotations

import errno

from ..ocf.exits import Degraded, Failed, NotPermitted, WrongHere
from ..system import addresses, background, duplicates, neighbours, processes, routes, statefile
from ..system.addresses import InterfaceAddress, Link
from ..system.netlink import Netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..ocf.agent import Agent
    from .vip import Vip

LABEL_LIMIT = 15  # IFNAMSIZ less the final zero


class refusals_explained:
    """Turns what the kernel refuses into an exit with a reason; a context manager."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        what = f"cannot {self._what} the address: the kernel says {error.strerror!r}"
        if error.errno in (errno.EPERM, errno.EACCES):
            raise NotPermitted(f"{what}; run this as root") from error
        raise Failed(f"{what}; see the kernel's log (dmesg) on this node") from error


def chosen_link(vip: Vip, netlink: Netlink) -> Link:
    """The interface that the address belongs on.  Raises Failed when this node has none."""
    if vip.nic:
        link = addresses.link(netlink, name=vip.nic)
        if link is None:
            raise Failed(
                f"interface {vip.nic} does not exist on this node; correct the parameter nic"
                " or configure the interface"
            )
        return link
    route = routes.best(routes.routes(netlink, vip.ip.family), vip.ip)
    link = addresses.link(netlink, index=route.index) if route else None
    if link is None:
        raise Failed(
            f"no route of this node leads to {vip.ip}; set the parameter nic, or configure an"
            " address of that network"
        )
    return link


def wanted_address(vip: Vip, link: Link) -> InterfaceAddress:
    """The address as it is to be on the link.  Raises WrongHere for a label too long."""
    ip = vip.ip
    prefix = ip.bits if vip.prefix is None else vip.prefix
    label = f"{link.name}:{vip.label}" if vip.label else ""
    if len(label) > LABEL_LIMIT:
        raise WrongHere(
            f"parameter label is {vip.label!r}; {label} has more than {LABEL_LIMIT} characters"
        )
    broadcast = b""
    if ip.is_v4 and prefix < 31:
        host_bits = (1 << (32 - prefix)) - 1
        broadcast = (int.from_bytes(ip.packed, "big") | host_bits).to_bytes(4, "big")
    preferred = 0 if not ip.is_v4 and vip.source == "avoid" else addresses.FOREVER
    return InterfaceAddress(
        ip, prefix, link.index, label=label, broadcast=broadcast, preferred=preferred
    )


def place(
    vip: Vip,
    netlink: Netlink,
    link: Link,
    wanted: InterfaceAddress,
    present: list[InterfaceAddress],
) -> None:
    """Put the address on the link once nobody else has it; `present` is where it is already.

    Raises Failed with nothing configured when it cannot or may not be.
    """
    if any(address.same_place(wanted) and not address.is_duplicate for address in present):
        return
    for address in present:
        take_off(vip, netlink, address)
    detect = vip.duplicate != "ignore"
    audible = link.can_send and link.resolves_neighbours
    other = duplicates.other_owner(netlink, vip.ip, link) if detect and audible else None
    if other is not None:
        _object(vip, link, other)
        detect = False
    # The state file comes first: a stop after a SIGKILL here must know what to remove.
    statefile.write(vip.state_file("state"), {"ip": vip.ip, "nic": link.name})
    statefile.remove(vip.state_file("duplicate"))
    addresses.add(netlink, wanted, detect_duplicates=detect)
    if not vip.ip.is_v4 and detect and audible:
        _await_kernel_detection(vip, netlink, link, wanted)
    vip.log.info(f"{wanted.ip}/{wanted.prefix} is on {link.name}")


def _object(vip: Vip, link: Link, other: str) -> None:
    """Another machine has the address.  Raises Failed unless told to go on."""
    seen = f"{vip.ip} is already in use on the network of {link.name} by MAC {other}"
    if vip.duplicate != "warn":
        raise Failed(
            f"{seen}; take it off that machine, or, if that is a router with proxy ARP or a"
            " switch with ARP suppression, exempt the address there or set duplicate=warn"
        )
    vip.log.warning(f"{seen}; going on, since duplicate=warn")


def _await_kernel_detection(
    vip: Vip, netlink: Netlink, link: Link, wanted: InterfaceAddress
) -> None:
    """An IPv6 address answers only after the kernel's own duplicate address detection."""
    address = duplicates.settled(netlink, wanted, vip.deadline.share(0.8))
    if address is None:
        raise Failed(f"{wanted.ip} vanished from {link.name} while it was being started")
    if address.is_duplicate:
        take_off(vip, netlink, address)
        other = duplicates.other_owner(netlink, wanted.ip, link)
        _object(vip, link, other or "unknown (it was silent a moment later)")
        addresses.add(netlink, wanted, detect_duplicates=False)
    elif address.is_tentative:
        take_off(vip, netlink, address)
        raise Failed(
            f"{wanted.ip} on {link.name} stayed tentative: the kernel's duplicate address"
            " detection did not end; check the link, or set duplicate=ignore"
        )


def announce(vip: Vip, link: Link) -> None:
    """Announce in the background; returns once the first announcement is out.

    Raises Degraded when it could not be sent.
    """
    if not (link.can_send and link.resolves_neighbours):
        return
    end_announcer(vip)
    ip, count, pause = vip.ip, vip.announce_count, vip.announce_interval / 1000
    path = vip.state_file("announcer")

    def work(ready: Callable[[], None]) -> None:
        processes.remember(path, processes.current())
        neighbours.announce_repeatedly(ip, link, count, pause, ready)
        statefile.remove(path)

    if not background.detach_until_ready(work, vip.deadline.share(0.5)):
        raise Degraded(
            f"{ip} is on {link.name} but its first announcement could not be sent; neighbours"
            " may send to the old machine for minutes: check the interface"
        )


def end_announcer(vip: Vip) -> None:
    """End what an earlier start left announcing, if anything."""
    announcer = processes.recall(vip.state_file("announcer"))
    if announcer is not None:
        processes.stop(announcer, vip.deadline.share(0.3))


def take_off(agent: Agent, netlink: Netlink, address: InterfaceAddress) -> None:
    """Take an address off, and put back what the kernel removes along with it.

    The first IPv4 address of a network takes the secondary ones with it, unless the sysctl
    promote_secondaries is set: addresses that are none of ours.
    """
    before = addresses.addresses(netlink, address.ip.family, address.index)
    if not addresses.delete(netlink, address):
        return
    agent.log.info(f"{address.ip}/{address.prefix} is off link {address.index}")
    after = addresses.addresses(netlink, address.ip.family, address.index)
    for other in before:
        if not other.same_place(address) and not any(map(other.same_place, after)):
            addresses.add(netlink, other)
            agent.log.info(f"{other.ip}/{other.prefix} had gone along with it: put back")
