"""A bed: its machines and its network, held for as long as a `with` block lasts."""

from __future__ import annotations

from pathlib import Path

from tests.bed.machine import Machine
from tests.bed.network import Network
from tests.lab import cache
from tests.lab.image import Image
from tests.lab.processes import Spawner

CHECKOUT = Path(__file__).resolve().parents[2]


class Bed:
    """Machines on bridges of their own. A context manager; needs root.

    The kernel ends everything when this process ends: no mount, namespace, link or file of a bed
    is visible outside of it, so there is nothing to clean up, even after `kill -9`.
    """

    def __init__(self) -> None:
        self._image = Image.ensure()
        self._machines: list[Machine] = []

    def __enter__(self) -> Bed:
        self._state = cache.folder() / "run" / "bed"
        self._state.mkdir(parents=True, exist_ok=True)
        self._spawner = Spawner()
        self._network = Network(self._spawner)
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self._machines:
            machine.close()
        self._network.close()
        self._spawner.close()

    def machine(self, name: str, *addresses: str) -> Machine:
        """Start a machine with an interface eth0 on the bridge `lan`.

        `addresses` come with a prefix length, such as 192.0.2.1/24; they are usable at once.
        """
        machine = Machine(
            self._spawner, self._network, self._image.root, CHECKOUT, self._state, name
        )
        self._machines.append(machine)
        machine.plug_in("eth0")
        for address in addresses:
            machine.add_address(address)
        return machine
