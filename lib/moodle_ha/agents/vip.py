"""ocf:moodle:vip, the address that the students' names point to.

An address that two machines answer for is worse than one that none answers for: half of the
visitors land on a machine that may hold old data, and nobody sees why.  So nothing goes live
before the neighbours were asked, and every monitor asks them again.
"""

from __future__ import annotations

import os

from ..ocf.agent import Agent, action
from ..ocf.exits import Degraded, Failed, NotRunning, refused
from ..ocf.parameters import Integer, IpAddress, Parameter, Text
from ..system import addresses, statefile
from ..system.addresses import InterfaceAddress, Link
from ..system.netlink import Netlink


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
        "How many announcements each monitor of depth 0 sends, such as 1, for networks that forget"
        " or mislearn the address. 0 sends none.",
        default="0",
        reloadable=True,
    )
    duplicate = Parameter(
        Text(("refuse", "warn", "ignore")),
        "Another owner at start",
        "What to do when another machine has the address already at start. refuse fails the start,"
        " names the other MAC address and leaves nothing configured; the cluster tries again."
        " warn takes the address all the same and logs it. ignore does not ask, which makes the"
        " start 0.4 seconds faster. A router or switch that answers for others (proxy ARP, EVPN ARP"
        " suppression) looks like another owner: exempt the address there, or choose warn.",
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
        "Whether the node's own connections may have the address as their source. avoid makes an"
        " IPv6 address deprecated (preferred lifetime 0), so that others are taken first; an IPv4"
        " address with prefix 32 is never taken by itself. allow leaves it to the kernel.",
        default="avoid",
    )

    # --- actions -----------------------------------------------------------------------------

    @action(timeout=20)
    def start(self) -> None:
        """Ask the neighbours, put the address on, announce it."""
        from . import vip_placing

        try:
            with Netlink() as netlink:
                link = vip_placing.chosen_link(self, netlink)
                problem = self._link_problem(link)
                if problem and self.link == "fail":
                    raise Failed(f"cannot start {self.ip}: {problem}")
                vip_placing.place(self, netlink, link, self._present(netlink))
                vip_placing.announce(self, link)
        except OSError as error:
            raise refused(f"start {self.ip}", error) from error
        if problem:
            raise Degraded(problem)

    @action(timeout=20)
    def stop(self) -> None:
        """Take the address off every interface; needs nothing but its name."""
        try:
            self.end_announcer()
            with Netlink() as netlink:
                for link, address in self._present(netlink):
                    self.take_off(netlink, link, address)
                for link, address in self._present(netlink):
                    raise Failed(
                        f"{address.ip} is still on {link.name} after it was deleted; somebody else"
                        " configures it: look for it in the system's network configuration"
                    )
        except OSError as error:
            raise refused("stop the address", error) from error
        for purpose in ("state", "announcer", "duplicate"):
            try:
                statefile.remove(self.state_file(purpose))
            except OSError as error:  # The address is off, and that is what a stop is for.
                self.log.warning(f"cannot remove a state file: {error}")

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
        problem = self._link_problem(link)
        if problem and self.link == "fail":
            raise NotRunning(problem)
        if not problem and link.resolves_neighbours:
            problem = self._self_test(link)
            if problem and self.on_duplicate == "fail":
                raise Failed(problem)
        if problem:
            raise Degraded(problem)

    @action(timeout=20)
    def reload_agent(self) -> None:
        """The reloadable parameters are read when they are used; the address stays where it is."""
        with Netlink() as netlink:
            self._confirmed(netlink, self._present(netlink))

    def check_together(self) -> None:
        """What one parameter alone cannot say.  Raises BadParameter."""
        from . import vip_placing

        vip_placing.check_together(self)

    def check_node(self) -> None:
        """Does this node have the interface?  Raises OcfError."""
        from . import vip_placing

        with Netlink() as netlink:
            vip_placing.wanted_address(self, vip_placing.chosen_link(self, netlink))

    # --- where it belongs and where it is ----------------------------------------------------

    def _present(self, netlink: Netlink) -> list[tuple[Link, InterfaceAddress]]:
        """Where the address is now: also one that an earlier start put there, by the state file.

        Loopback, dummy and other links without neighbours do not count unless named: there it
        belongs to a real server of IPVS.
        """
        found = []
        state = statefile.read(self.state_file("state")) or {}
        named = (self.environment.parameter("nic"), state.get("nic"))
        # A broken parameter must not keep a stop from removing what an earlier start put there.
        texts = (self.environment.parameter("ip"), state.get("ip"))
        for ip in {addresses.IpAddress.parse_or_none(text) for text in texts}:
            for address in addresses.addresses(netlink, ip.family) if ip else ():
                if address.ip == ip:
                    link = addresses.link(netlink, index=address.index)
                    if link and (link.resolves_neighbours or link.name in named):
                        found.append((link, address))
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
        # The name may be one of several (ip link property add altname).
        expected = addresses.link(netlink, name=nic) if nic else None
        prefix = ip.bits if self.prefix is None else self.prefix
        for link, address in here:
            where_expected = not nic or (expected and expected.index == link.index)
            if not where_expected or address.prefix != prefix:
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

    def take_off(self, netlink: Netlink, link: Link, address: InterfaceAddress) -> None:
        """Delete the address, and nothing else.  Raises NetlinkError."""
        from ..system import secondaries

        if secondaries.delete_alone(netlink, link, address):
            self.log.info(f"{address.ip}/{address.prefix} is off {link.name}")

    def end_announcer(self) -> None:
        """End what an earlier start left announcing, if anything."""
        from ..system import processes

        announcer = processes.recall(self.state_file("announcer"))
        if announcer is not None:
            # Not waited for: from here on it only frees its socket, which takes the kernel 20 ms.
            announcer.signal(9)

    def _link_problem(self, link: Link) -> str:
        if self.link == "ignore" or link.can_send:
            return ""
        what = "has no carrier" if link.is_up else "is switched off"
        cure = "check cable and switch port" if link.is_up else f"ip link set {link.name} up"
        return f"interface {link.name} of {self.ip} {what}; {cure}"

    def _self_test(self, link: Link) -> str:
        """Ask the neighbours who has our address; what two tests in a row have seen, or "".

        Depth 0 does not wait for the answer: a child does, and the next monitor reads it.
        """
        record = self.state_file("duplicate")
        test = self.on_duplicate != "ignore"
        try:
            if self.environment.check_level:
                if test:
                    from ..system import duplicates

                    duplicates.self_test(self.ip, link, record)
            elif test or self.announce_refresh:
                from ..system import background

                background.detach(lambda: self._watch(link, record, test))
        except OSError as error:  # No memory, no room in /run: not the address's fault
            self.log.warning(f"cannot test for another owner now: {error}")
        if not test or not os.path.exists(record):
            return ""
        from ..system import duplicates

        mac, count = duplicates.sightings(record)
        also = f"{self.ip} on {link.name} is also in use by MAC {mac}; take it off that machine"
        return f"{also} (a router with proxy ARP: exempt the address there)" if count > 1 else ""

    def _watch(self, link: Link, record: str, test: bool) -> None:
        from ..system import duplicates, neighbours

        if self.announce_refresh:
            with neighbours.PacketSocket(link) as packets:
                neighbours.announce_again(packets, self.ip, link, self.announce_refresh, 0)
        if test:
            duplicates.self_test(self.ip, link, record)
