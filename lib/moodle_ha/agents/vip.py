"""ocf:moodle:vip, the address that the students' names point to.

An address that two machines answer for is worse than one that none answers for: half of the
visitors land on a machine that may hold old data, and nobody sees why.  So nothing goes live
before the neighbours were asked, and every monitor asks them again.
"""

from __future__ import annotations

import errno

from ..ocf.agent import Agent, action
from ..ocf.exits import Degraded, Failed, NotPermitted, NotRunning, WrongHere
from ..ocf.parameters import BadParameter, Integer, IpAddress, Parameter, Text
from ..system import addresses, statefile
from ..system.addresses import InterfaceAddress, Link
from ..system.netlink import Netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# The probes of RFC 5227 take up to 7 s; a failover has no such time.  A neighbour on the same
# segment answers within milliseconds.
PROBES, PROBE_INTERVAL, PROBE_WAIT = 3, 0.1, 0.4
SELF_TEST_WAIT = 0.3
LABEL_LIMIT = 15  # IFNAMSIZ less the final zero


class Vip(Agent):
    """Put an address on an interface, tell the neighbours, and keep watch over it."""

    name = "vip"
    shortdesc = "Virtual IP address of a Moodle site"
    longdesc = """
        Puts an IPv4 or IPv6 address on an interface of this node, tells the neighbours at once,
        and takes it away again.

        Before the address goes live the agent asks the network whether another machine has it
        already, and each monitor asks again: an address that two machines answer for sends half
        of the visitors to the wrong one. The other machine's MAC address is named in crm_mon.

        Nothing else on the node is touched: other addresses and routes stay as they are.
        """

    ip = Parameter(
        IpAddress(),
        "IP address",
        "The IPv4 or IPv6 address to manage, without prefix, such as 192.0.2.10 or 2001:db8::10."
        " It must not be in the operating system's own network configuration of any node.",
        required=True,
        unique_group="address",
    )
    prefix = Parameter(
        Integer(0, 128),
        "Prefix length",
        "Prefix length in bits, such as 24. When unset it is 32 for IPv4 and 128 for IPv6, which"
        " is right wherever the node has an address of its own in the same network: routes and"
        " the choice of source addresses then stay as they are. Set it to the length of the"
        " network when this is the node's only address there.",
    )
    nic = Parameter(
        Text(),
        "Network interface",
        "Name of the interface that gets the address, such as eth0. When unset it is the one to"
        " which the main routing table leads: routes without a gateway first, then the most"
        " specific, then the lowest metric.",
    )
    label = Parameter(
        Text(),
        "Label of an IPv4 address",
        "Label for tools that still read interface aliases, such as vip, which gives eth0:vip;"
        " together at most 15 characters. When unset the address carries the interface's name."
        " Not for IPv6.",
    )
    announce_count = Parameter(
        Integer(1, 20),
        "Number of announcements",
        "How many times the address is announced after a start, by gratuitous ARP as request and"
        " as reply, or by unsolicited neighbour advertisement (IPv6). The start ends after the"
        " first; the others follow in the background.",
        default="8",
        reloadable=True,
    )
    announce_interval = Parameter(
        Integer(10, 10000),
        "First pause between announcements",
        "Milliseconds between the first and the second announcement, such as 200. Each further"
        " pause is twice as long, so that 8 announcements span 25 seconds.",
        default="200",
        reloadable=True,
    )
    announce_refresh = Parameter(
        Integer(0, 10),
        "Announcements at each monitor",
        "How many announcements each monitor of depth 0 sends, such as 1. For networks whose"
        " switches or routers forget or mislearn the address, for example after a split. 0 sends"
        " none.",
        default="0",
        reloadable=True,
    )
    duplicate = Parameter(
        Text(("refuse", "warn", "ignore")),
        "Another owner at start",
        "What to do when another machine has the address already at start. refuse fails the start,"
        " names the other MAC address and leaves nothing configured; the cluster tries again."
        " warn takes the address all the same and logs it. ignore does not ask, which makes the"
        " start 0.4 seconds faster. A router or switch that answers for others (proxy ARP, EVPN"
        " ARP suppression) looks like another owner too: switch that off for this address in the"
        " router, or choose warn.",
        default="refuse",
        reloadable=True,
    )
    on_duplicate = Parameter(
        Text(("degrade", "fail", "ignore")),
        "Another owner while running",
        "What to do when two self-tests in a row have seen another machine with the address."
        " degrade keeps it and shows the other MAC address in crm_mon as a failed monitor and as"
        " node attribute. fail makes the cluster recover: stop, and start where no other owner is"
        " heard. ignore switches the self-test off.",
        default="degrade",
        reloadable=True,
    )
    link = Parameter(
        Text(("fail", "degrade", "ignore")),
        "Interface without carrier",
        "What to do when the interface is down or has no carrier. fail makes the monitor report"
        " the address as not running, so that it moves. degrade keeps it and shows it in crm_mon."
        " ignore does not look.",
        default="fail",
        reloadable=True,
    )
    source = Parameter(
        Text(("avoid", "allow")),
        "Use as source address",
        "Whether this node's own outgoing connections may use the address as their source. avoid"
        " makes an IPv6 address deprecated (preferred lifetime 0), so that others are taken first;"
        " an IPv4 address with prefix 32 is never taken by itself. allow leaves the choice to the"
        " kernel.",
        default="avoid",
    )

    # --- actions -----------------------------------------------------------------------------

    @action(timeout=20)
    def start(self) -> None:
        """Ask the neighbours, put the address on, announce it."""
        with Netlink() as netlink, _Changing("start"):
            link = self._chosen_link(netlink)
            wanted = self._wanted(link)
            problem = self._link_problem(link)
            if problem and self.link == "fail":
                raise Failed(f"cannot start {self.ip}: {problem}")
            present = self._present(netlink)
            if not any(_usable(address, wanted) for _, address in present):
                for _, address in present:
                    self._delete(netlink, address)
                self._bring_up(netlink, link, wanted)
            else:
                self._announce(link)
        if problem and self.link == "degrade":
            raise Degraded(problem)

    @action(timeout=20)
    def stop(self) -> None:
        """Take the address off every interface; needs nothing but its name."""
        from ..system import processes

        announcer = processes.recall(self.state_file("announcer"))
        if announcer is not None:
            processes.stop(announcer, self.deadline.share(0.3))
        with Netlink() as netlink, _Changing("stop"):
            for _, address in self._present(netlink):
                self._delete(netlink, address)
            for link, address in self._present(netlink):
                raise Failed(
                    f"{address.ip} is still on {link.name} after it was deleted; somebody else"
                    " configures it: look for it in the system's network configuration"
                )
        for purpose in ("state", "announcer", "duplicate"):
            statefile.remove(self.state_file(purpose))

    @action(timeout=20, interval=10, depth=0)
    @action(timeout=20, interval=60, depth=10)
    def monitor(self) -> None:
        """Is the address here, whole, reachable, and nobody else's?"""
        with Netlink() as netlink:
            present = self._present(netlink)
            if self.environment.is_probe:
                if not present:
                    raise NotRunning("")
                return
            link = self._confirmed(netlink, present)
        problems = []
        problem = self._link_problem(link)
        if problem and self.link == "fail":
            raise NotRunning(problem)
        if problem and self.link == "degrade":
            problems.append(problem)
        if not problem and link.resolves_neighbours:
            problem = self._self_test(link)
            if problem and self.on_duplicate == "fail":
                raise Failed(problem)
            if problem:
                problems.append(problem)
        if problems:
            raise Degraded("; ".join(problems))

    @action(timeout=20)
    def reload_agent(self) -> None:
        """The reloadable parameters are read when they are used; the address stays where it is."""
        with Netlink() as netlink:
            self._confirmed(netlink, self._present(netlink))

    # --- what is valid -----------------------------------------------------------------------

    def check_together(self) -> None:
        """What one parameter alone cannot say.  Raises BadParameter."""
        ip, first = self.ip, self.ip.packed[0]
        multicast = first & 0xF0 == 0xE0 if ip.is_v4 else first == 0xFF
        special = ip.is_v4 and (first in (0, 127) or ip.packed == b"\xff" * 4)
        special = special or (not ip.is_v4 and not any(ip.packed[:15]) and ip.packed[15] < 2)
        if multicast or special:
            raise BadParameter(
                f"parameter ip is {str(ip)!r}; it must be an address that one machine can own, not"
                " a multicast, broadcast, loopback or unspecified one"
            )
        if self.prefix is not None and self.prefix > ip.bits:
            raise BadParameter(
                f"parameter prefix is '{self.prefix}'; for the address {ip} it must be a whole"
                f" number from 0 to {ip.bits}"
            )
        if not ip.is_v4 and self.label:
            raise BadParameter(
                f"parameter label is {self.label!r}; it must be unset for the IPv6 address {ip}"
            )
        if not ip.is_v4 and ip.in_network(b"\xfe\x80" + b"\0" * 14, 10) and not self.nic:
            raise BadParameter(
                f"parameter nic is not set; it must name the interface of the link-local {ip}"
            )
        if not self.nic and len(self.label or "") > LABEL_LIMIT - 2:
            raise BadParameter(
                f"parameter label is {self.label!r}; with the interface's name and a colon it must"
                f" have at most {LABEL_LIMIT} characters"
            )

    def check_node(self) -> None:
        """Does this node have the interface?  Raises OcfError."""
        with Netlink() as netlink:
            self._wanted(self._chosen_link(netlink))

    # --- where it belongs and where it is ----------------------------------------------------

    def _chosen_link(self, netlink: Netlink) -> Link:
        if self.nic:
            link = addresses.link(netlink, name=self.nic)
            if link is None:
                raise Failed(
                    f"interface {self.nic} does not exist on this node; correct the parameter nic"
                    " or configure the interface"
                )
            return link
        from ..system import routes

        route = routes.best(routes.routes(netlink, self.ip.family), self.ip)
        link = addresses.link(netlink, index=route.index) if route else None
        if link is None:
            raise Failed(
                f"no route of this node leads to {self.ip}; set the parameter nic, or configure"
                " an address of that network"
            )
        return link

    def _wanted(self, link: Link) -> InterfaceAddress:
        """The address as it is to be on this link."""
        ip = self.ip
        prefix = ip.bits if self.prefix is None else self.prefix
        label = f"{link.name}:{self.label}" if self.label else ""
        if len(label) > LABEL_LIMIT:
            raise WrongHere(
                f"parameter label is {self.label!r}; {label} has more than {LABEL_LIMIT} characters"
            )
        broadcast = b""
        if ip.is_v4 and prefix < 31:
            host_bits = (1 << (32 - prefix)) - 1
            broadcast = (int.from_bytes(ip.packed, "big") | host_bits).to_bytes(4, "big")
        preferred = 0 if not ip.is_v4 and self.source == "avoid" else addresses.FOREVER
        return InterfaceAddress(
            ip, prefix, link.index, label=label, broadcast=broadcast, preferred=preferred
        )

    def _present(self, netlink: Netlink) -> list[tuple[Link, InterfaceAddress]]:
        """Where the address is now: also where an earlier start put it, by the state file.

        Loopback, dummy and other links without neighbours do not count unless named: there it
        belongs to a real server of IPVS.
        """
        found = []
        state = statefile.read(self.state_file("state")) or {}
        named = {self.environment.parameter("nic"), state.get("nic")}
        for ip in self._identities(state):
            for address in addresses.addresses(netlink, ip.family):
                if address.ip == ip:
                    link = addresses.link(netlink, index=address.index)
                    if link and (link.resolves_neighbours or link.name in named):
                        found.append((link, address))
        return found

    def _identities(self, state: dict[str, str]) -> list[addresses.IpAddress]:
        """The address by parameter and by state file; a broken parameter is no hindrance."""
        found: list[addresses.IpAddress] = []
        for text in (self.environment.parameter("ip"), state.get("ip")):
            try:
                ip = addresses.IpAddress.parse(text or "")
            except ValueError:
                continue
            if ip not in found:
                found.append(ip)
        return found

    def _confirmed(self, netlink: Netlink, present: list[tuple[Link, InterfaceAddress]]) -> Link:
        """The link that the address is on, if it is there as declared.

        Raises NotRunning, or Failed when it is there but not as it should be.
        """
        ip = self.ip
        here = [(link, address) for link, address in present if address.ip == ip]
        if not here:
            gone = self.nic and addresses.link(netlink, name=self.nic) is None
            where = f"interface {self.nic} does not exist" if gone else "it is on no interface"
            raise NotRunning(f"{ip} is not on this node: {where}")
        state = statefile.read(self.state_file("state")) or {}
        nic = self.nic or (state.get("nic") if state.get("ip") == str(ip) else None)
        prefix = ip.bits if self.prefix is None else self.prefix
        for link, address in here:
            if (nic and link.name != nic) or address.prefix != prefix:
                raise Failed(
                    f"{ip} is on {link.name} with prefix {address.prefix}; it should be on"
                    f" {nic or 'the interface that its route leads to'} with prefix {prefix}:"
                    " somebody else has configured it"
                )
            if address.is_duplicate:
                raise Failed(
                    f"{ip} on {link.name} does not answer: the kernel found another owner by"
                    " duplicate address detection; find the other machine with this address"
                )
        return here[0][0]

    def _link_problem(self, link: Link) -> str:
        if self.link == "ignore" or (link.is_up and link.has_carrier):
            return ""
        what = "has no carrier" if link.is_up else "is switched off"
        cure = "check cable and switch port" if link.is_up else f"ip link set {link.name} up"
        return f"interface {link.name} of {self.ip} {what}; {cure}"

    # --- changing it -------------------------------------------------------------------------

    def _bring_up(self, netlink: Netlink, link: Link, wanted: InterfaceAddress) -> None:
        silent = not link.resolves_neighbours or not link.is_up or not link.has_carrier
        detect = self.duplicate != "ignore"
        other = self._other_owner(netlink, link) if detect and not silent else None
        if other is not None:
            self._object(link, other)
        # The state file comes first: a stop after a SIGKILL here must know what to remove.
        statefile.write(self.state_file("state"), {"ip": self.ip, "nic": link.name})
        statefile.remove(self.state_file("duplicate"))
        addresses.add(netlink, wanted, detect_duplicates=detect and other is None)
        self.log.info(f"{wanted.ip}/{wanted.prefix} is on {link.name}")
        if not wanted.ip.is_v4 and detect and other is None and not silent:
            self._await_kernel_detection(netlink, link, wanted)
        self._announce(link)

    def _other_owner(self, netlink: Netlink, link: Link) -> str | None:
        from ..system import frames, neighbours

        mac = neighbours.find_other_owner(
            self.ip,
            link,
            neighbours.own_macs(netlink),
            probes=PROBES,
            interval=PROBE_INTERVAL,
            wait=PROBE_WAIT,
        )
        return frames.mac_text(mac) if mac else None

    def _object(self, link: Link, other: str) -> None:
        """Another machine has the address.  Raises Failed unless told to go on."""
        seen = f"{self.ip} is already in use on the network of {link.name} by MAC {other}"
        if self.duplicate != "warn":
            raise Failed(
                f"{seen}; take it off that machine, or, if that is a router with proxy ARP or a"
                " switch with ARP suppression, exempt the address there or set duplicate=warn"
            )
        self.log.warning(f"{seen}; going on, since duplicate=warn")

    def _await_kernel_detection(
        self, netlink: Netlink, link: Link, wanted: InterfaceAddress
    ) -> None:
        """Wait until an IPv6 address answers: the kernel probes by itself for 1 to 2 s."""
        last: list[InterfaceAddress] = []

        def decided() -> bool:
            here = addresses.addresses(netlink, wanted.ip.family, link.index)
            last[:] = [address for address in here if address.ip == wanted.ip]
            return not last or last[0].is_duplicate or not last[0].is_tentative

        done = self.deadline.share(0.8).wait_until(decided, 0.02)
        if not last:
            raise Failed(f"{wanted.ip} vanished from {link.name} while it was being started")
        if not done:
            self._delete(netlink, last[0])
            raise Failed(
                f"{wanted.ip} on {link.name} stayed tentative: the kernel's duplicate address"
                " detection did not end; check the link, or set duplicate=ignore"
            )
        if last[0].is_duplicate:
            self._delete(netlink, last[0])
            other = self._other_owner(netlink, link) or "unknown (it was gone a moment later)"
            self._object(link, other)
            addresses.add(netlink, wanted, detect_duplicates=False)

    def _announce(self, link: Link) -> None:
        """Announce in the background; returns once the first announcement is out."""
        from ..system import background, neighbours, processes

        ip, count, pause = self.ip, self.announce_count, self.announce_interval / 1000
        path = self.state_file("announcer")
        if not link.resolves_neighbours or not link.is_up or not link.has_carrier:
            return
        earlier = processes.recall(path)
        if earlier is not None:
            processes.stop(earlier, self.deadline.share(0.2))

        def work(ready: Callable[[], None]) -> None:
            processes.remember(path, processes.current())
            neighbours.announce_repeatedly(ip, link, count, pause, ready)
            statefile.remove(path)

        if not background.detach_until_ready(work, self.deadline.share(0.5)):
            raise Degraded(
                f"{ip} is on {link.name} but its first announcement could not be sent; neighbours"
                " may send to the old machine for minutes: check the interface"
            )

    def _delete(self, netlink: Netlink, address: InterfaceAddress) -> None:
        """Take an address off, and put back what the kernel removes along with it.

        The first IPv4 address of a network takes the secondary ones with it, unless the sysctl
        promote_secondaries is set: addresses that are none of ours.
        """
        before = addresses.addresses(netlink, address.ip.family, address.index)
        if not addresses.delete(netlink, address):
            return
        self.log.info(f"{address.ip}/{address.prefix} is off link {address.index}")
        after = addresses.addresses(netlink, address.ip.family, address.index)
        for other in before:
            if not other.same_place(address) and not any(map(other.same_place, after)):
                addresses.add(netlink, other)
                self.log.info(f"{other.ip}/{other.prefix} had gone along with it: put back")

    # --- watching it -------------------------------------------------------------------------

    def _self_test(self, link: Link) -> str:
        """Ask the neighbours who has our address; what two tests in a row have seen, or "".

        Depth 0 does not wait for the answer: a child does, and the next monitor reads it.
        """
        record = self.state_file("duplicate")
        if self.on_duplicate == "ignore" and not self.announce_refresh:
            return ""
        if (self.environment.check_level or 0) >= 10:
            if self.on_duplicate != "ignore":
                self._ask_neighbours(link, record)
        else:
            from ..system import background

            background.detach(lambda: self._watch(link, record))
        seen = statefile.read(record)
        if seen is None or self.on_duplicate == "ignore" or int(seen["sightings"]) < 2:
            return ""
        return (
            f"{self.ip} on {link.name} is also in use by MAC {seen['mac']}; take it off that"
            " machine (a router with proxy ARP: exempt the address there)"
        )

    def _watch(self, link: Link, record: str) -> None:
        from ..system import neighbours

        for _ in range(self.announce_refresh):
            with neighbours.PacketSocket(link) as packets:
                neighbours.announce(packets, self.ip, link)
        if self.on_duplicate != "ignore":
            self._ask_neighbours(link, record)

    def _ask_neighbours(self, link: Link, record: str) -> None:
        """Ask once, and keep count of how often in a row another owner was heard."""
        from ..system import frames, neighbours

        with Netlink() as netlink:
            own = neighbours.own_macs(netlink)
        try:
            mac = neighbours.find_other_owner(
                self.ip, link, own, probes=1, interval=0, wait=SELF_TEST_WAIT
            )
        except OSError:
            return  # The link went down this moment: the link policy judges that.
        if mac is None:
            statefile.remove(record)
            return
        earlier = statefile.read(record) or {}
        count = int(earlier.get("sightings", "0")) + 1
        statefile.write(record, {"mac": frames.mac_text(mac), "sightings": count})


class _Changing:
    """Turns what the kernel refuses into an exit with a reason; a context manager."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if not isinstance(error, OSError):
            return
        what = f"cannot {self._what} the address: the kernel says {error.strerror!r}"
        if error.errno in (errno.EPERM, errno.EACCES):
            raise NotPermitted(f"{what}; run this as root") from error
        raise Failed(f"{what}; see the kernel's log (dmesg) on this node") from error


def _usable(address: InterfaceAddress, wanted: InterfaceAddress) -> bool:
    return address.same_place(wanted) and not address.is_duplicate
