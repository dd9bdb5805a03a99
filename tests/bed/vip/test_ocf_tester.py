"""ocf:moodle:vip under the tools by which people try an agent."""

from __future__ import annotations

import pytest

from tests.bed.conformance import assert_passes_ocf_tester
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP, IP6


@pytest.mark.parametrize("ip", [IP, IP6])
def test_ocf_tester_passes(node: Machine, peer: Machine, ip: str) -> None:
    before = node.addresses()
    assert_passes_ocf_tester(node, "vip", ip=ip, nic="eth0")
    assert node.addresses() == before


def test_ocf_tester_passes_without_nic(node: Machine) -> None:
    assert_passes_ocf_tester(node, "vip", ip=IP)


def validate(ip: str) -> list[str]:
    """The command that pcs runs to validate parameters, and that people can run."""
    which = "--class ocf --provider moodle --agent vip"
    return f"crm_resource --validate {which} --option ip={ip} --option nic=eth0".split()


def test_pacemaker_validates_parameters(node: Machine) -> None:
    assert node.run(validate(IP)).code == 0
    refused = node.run(validate("192.0.2.300"))
    assert refused.code == 6
    assert "192.0.2.300" in refused.out


def test_crmsh_validates_parameters_without_naming_a_resource(node: Machine) -> None:
    assert node.run(["crm", "ra", "validate", "ocf:moodle:vip", f"ip={IP}"]).code == 0
    refused = node.run(["crm", "ra", "validate", "ocf:moodle:vip", "ip=192.0.2.300"])
    assert refused.code != 0
    assert "Traceback" not in refused.out + refused.err
