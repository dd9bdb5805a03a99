"""How ocf:moodle:vip is validated and started; the other actions do without loading this."""

from __future__ import annotations

from ..ocf.exits import Degraded, Failed, WrongHere
from ..ocf.parameters import BadParameter
from ..system import addresses, statefile
from ..system.addresses import InterfaceAddress, Link
from ..system.netlink import Netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .vip import Vip

LABEL_LIMIT = 15  # IFNAMSIZ less the final zero


def check_together(vip: Vip) -> None:
    """What one parameter alone cannot say.  Raises BadParameter."""
    ip = vip.ip
    if not ip.can_be_owned:
        raise BadParameter(
            f"parameter ip is {str(ip)!r}; it must be an address that one machine can own, not"
            " a multicast, broadcast, loopback or unspecified one"
        )
    if vip.prefix is not None and vip.prefix > ip.bits:
        raise BadParameter(
            f"parameter prefix is '{vip.prefix}'; for the address {ip} it must be a whole"
            f" number from 0 to {ip.bits}"
        )
    if not ip.is_v4 and vip.label:
        raise BadParameter(
            f"parameter label is {vip.label!r}; it must be unset for the IPv6 address {ip}"
        )
    if ip.is_link_local and not ip.is_v4 and not vip.nic:
        raise BadParameter(
            f"parameter nic is not set; it must name the interface of the link-local {ip}"
        )
    if vip.nic and vip.label and not _fits(f"{vip.nic}:{vip.label}"):
        raise BadParameter(
            f"parameter label is {vip.label!r}; {vip.nic}:{vip.label} must have at most"
            f" {LABEL_LIMIT} bytes"
        )


def _fits(label: str) -> bool:
    return len(label.encode("utf-8", "surrogateescape")) <= LABEL_LIMIT


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
    from ..system import routes

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
    if not _fits(label):
        raise WrongHere(
            f"parameter label is {vip.label!r}; {label} must have at most {LABEL_LIMIT} bytes"
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
    vip: Vip, netlink: Netlink, link: Link, present: list[tuple[Link, InterfaceAddress]]
) -> None:
    """Put the address on the link once nobody else has it; `present` is where it is already.

    Raises Failed with nothing configured when it cannot or may not be.
    """
    wanted = wanted_address(vip, link)
    if any(address.same_place(wanted) and not address.is_duplicate for _, address in present):
        return
    for where, address in present:
        vip.take_off(netlink, where, address)
    detect = vip.duplicate != "ignore"
    audible = link.can_send and link.resolves_neighbours
    if detect and audible and _other_owner(vip, netlink, link):
        detect = False
    # The state file comes first: a stop after a SIGKILL here must know what to remove.
    statefile.write(vip.state_file("state"), {"ip": vip.ip, "nic": link.name})
    statefile.remove(vip.state_file("duplicate"))
    addresses.add(netlink, wanted, detect_duplicates=detect)
    if not vip.ip.is_v4 and detect and audible:
        _await_kernel_detection(vip, netlink, link, wanted)
    vip.log.info(f"{wanted.ip}/{wanted.prefix} is on {link.name}")


def _other_owner(vip: Vip, netlink: Netlink, link: Link) -> bool:
    """Has another machine the address, and we may take it all the same?  Raises Failed."""
    from ..system import duplicates

    if vip.deadline.remaining() < duplicates.PROBE_WAIT:
        raise Failed(
            f"cannot ask for another owner of {vip.ip}: that takes {duplicates.PROBE_WAIT} s, and"
            " the timeout of start is shorter; raise it, 20 s is advised"
        )
    other = duplicates.other_owner(netlink, vip.ip, link)
    if other is not None:
        _object(vip, link, other)
    return other is not None


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
    from ..system import duplicates

    address = duplicates.settled(netlink, wanted, vip.deadline.share(0.8))
    if address is None:
        raise Failed(f"{wanted.ip} vanished from {link.name} while it was being started")
    if address.is_duplicate:
        vip.take_off(netlink, link, address)
        other = duplicates.other_owner(netlink, wanted.ip, link)
        _object(vip, link, other or "unknown (it was silent a moment later)")
        addresses.add(netlink, wanted, detect_duplicates=False)
    elif address.is_tentative:
        vip.take_off(netlink, link, address)
        raise Failed(
            f"{wanted.ip} on {link.name} stayed tentative: the kernel's duplicate address"
            " detection did not end; check the link, or set duplicate=ignore"
        )


def announce(vip: Vip, link: Link) -> None:
    """Send the first announcement, and leave the others to a child.

    Raises Degraded when it could not be sent.
    """
    if not (link.can_send and link.resolves_neighbours):
        return
    from ..system import background, neighbours, processes

    vip.end_announcer()
    ip, more, pause = vip.ip, vip.announce_count - 1, vip.announce_interval / 1000
    path = vip.state_file("announcer")
    try:
        packets = neighbours.PacketSocket(link)
        neighbours.announce(packets, ip, link)
    except OSError as error:
        raise Degraded(
            f"{ip} is on {link.name} but could not be announced ({error.strerror}); neighbours may"
            " send to the old machine for minutes: check the interface"
        ) from None

    if not more:
        return

    def work() -> None:
        neighbours.announce_again(packets, ip, link, more, pause)
        statefile.remove(path)

    try:
        announcer = processes.of(background.detach(work))
    except OSError as error:  # No memory for a child: the first one is out, and that counts.
        vip.log.warning(f"cannot announce {ip} again: {error}")
        return
    if announcer is not None:
        processes.remember(path, announcer)
