"""The cluster's own commands: what is asked of them, and what their answers mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from moodle_ha.ocf.cluster import INFINITY, Cluster
from moodle_ha.ocf.exits import Failed
from moodle_ha.system.deadline import Deadline
from moodle_ha.system.log import Log
from tests.unit.scripted import ScriptedPrograms

SECONDS = 20.0


@pytest.fixture
def cluster(programs: ScriptedPrograms, logged: list[str]) -> Cluster:
    return Cluster(programs, Log("test", {}), "db:1", Deadline(SECONDS))


READS: dict[str, tuple[list[str], Callable[[Cluster], object]]] = {
    "node name": (["crm_node", "--name"], Cluster.node_name),
    "quorum": (["crm_node", "--quorum"], Cluster.has_quorum),
    "attribute": (
        ["attrd_updater", "--query", "--name", "x"],
        lambda cluster: cluster.attribute("x"),
    ),
    "attribute of a node": (
        ["attrd_updater", "--query", "--name", "x", "--node", "db2"],
        lambda cluster: cluster.attribute("x", "db2"),
    ),
    "permanent attribute": (
        ["crm_attribute", "--lifetime", "forever", "--name", "x", "--query", "--quiet"],
        lambda cluster: cluster.permanent_attribute("x"),
    ),
    "permanent attribute of a node": (
        [
            "crm_attribute",
            "--lifetime",
            "forever",
            "--name",
            "x",
            "--query",
            "--quiet",
            "--node",
            "db2",
        ],
        lambda cluster: cluster.permanent_attribute("x", "db2"),
    ),
    "promotion score": (
        ["crm_attribute", "--promotion=db", "--lifetime", "reboot", "--query", "--quiet"],
        Cluster.promotion_score,
    ),
}
WRITES: dict[str, tuple[list[str], Callable[[Cluster], bool]]] = {
    "attribute": (
        ["attrd_updater", "--name", "x", "--update", "v"],
        lambda cluster: cluster.set_attribute("x", "v"),
    ),
    "private attribute": (
        ["attrd_updater", "--name", "x", "--private", "--update", "v"],
        lambda cluster: cluster.set_attribute("x", "v", private=True),
    ),
    "dampened attribute": (
        ["attrd_updater", "--name", "x", "--update-both", "v", "--delay", "1.5s"],
        lambda cluster: cluster.set_attribute("x", "v", dampen=1.5),
    ),
    "permanent attribute": (
        ["crm_attribute", "--lifetime", "forever", "--name", "x", "--update", "v", "--node", "db2"],
        lambda cluster: cluster.set_permanent_attribute("x", "v", "db2"),
    ),
    "promotion score": (
        ["crm_attribute", "--promotion=db", "--lifetime", "reboot", "--update", "-5"],
        lambda cluster: cluster.set_promotion_score(-5),
    ),
}
REMOVALS: dict[str, tuple[list[str], Callable[[Cluster], bool]]] = {
    "attribute": (
        ["attrd_updater", "--name", "x", "--delete"],
        lambda cluster: cluster.delete_attribute("x"),
    ),
    "promotion score": (
        ["crm_attribute", "--promotion=db", "--lifetime", "reboot", "--delete"],
        Cluster.delete_promotion_score,
    ),
}


@pytest.mark.parametrize(
    ("what", "out", "value"),
    [
        ("node name", "db1\n", "db1"),
        ("node name", "\n", None),
        ("quorum", "1\n", True),
        ("quorum", "0\n", False),
        ("attribute", 'name="x" host="db1" value="7"\n', "7"),
        ("attribute", 'name="x" host="db1" value="says "no" = no"\n', 'says "no" = no'),
        ("attribute", 'name="x" host="db1" value=""\n', None),
        ("attribute", "", None),
        ("attribute of a node", 'name="x" host="db2" value="7"\n', "7"),
        ("permanent attribute", "7\n", "7"),
        ("permanent attribute", "\n", None),
        ("permanent attribute of a node", "7\n", "7"),
        ("promotion score", "100\n", 100),
        ("promotion score", "-5\n", -5),
        ("promotion score", "INFINITY\n", INFINITY),
        ("promotion score", "-INFINITY\n", -INFINITY),
        ("promotion score", "\n", None),
        ("promotion score", "junk\n", None),
    ],
)
def test_reading(
    programs: ScriptedPrograms, cluster: Cluster, what: str, out: str, value: object
) -> None:
    argv, read = READS[what]
    programs.expect(argv, out=out)
    assert read(cluster) == value


@pytest.mark.parametrize("what", READS)
@pytest.mark.parametrize("code", [6, 102, 105])
def test_nothing_to_read(
    programs: ScriptedPrograms, cluster: Cluster, logged: list[str], what: str, code: int
) -> None:
    """No cluster (102), no such attribute (105, once ENXIO)."""
    argv, read = READS[what]
    programs.expect(argv, code=code, err="cannot")
    assert read(cluster) is None
    assert len(logged) == (1 if code == 102 else 0)


@pytest.mark.parametrize("what", READS)
@pytest.mark.parametrize("how", [{"code": 1}, {"code": 124}, {"timed_out": True}, {"code": -11}])
def test_an_error_is_not_taken_for_unset(
    programs: ScriptedPrograms, cluster: Cluster, what: str, how: dict[str, int]
) -> None:
    argv, read = READS[what]
    programs.expect(argv, err="broken", **how)  # type: ignore[arg-type]
    with pytest.raises(Failed, match=f"{argv[0]} .*broken; see pacemaker's log"):
        read(cluster)


@pytest.mark.parametrize("what", WRITES)
def test_writing(programs: ScriptedPrograms, cluster: Cluster, what: str) -> None:
    argv, write = WRITES[what]
    programs.expect(argv)
    assert write(cluster) is True


@pytest.mark.parametrize("what", WRITES)
def test_writing_without_a_cluster(
    programs: ScriptedPrograms, cluster: Cluster, logged: list[str], what: str
) -> None:
    argv, write = WRITES[what]
    programs.expect(argv, code=102, err="Could not connect")
    assert write(cluster) is False
    (line,) = logged
    assert line.startswith("INFO: no cluster is running here: ")


@pytest.mark.parametrize("what", WRITES)
def test_writing_refused_is_a_line_in_the_log(
    programs: ScriptedPrograms, cluster: Cluster, logged: list[str], what: str
) -> None:
    argv, write = WRITES[what]
    programs.expect(argv, timed_out=True)
    assert write(cluster) is False
    (line,) = logged
    assert line.startswith(f"WARNING: {argv[0]} gave no answer")


@pytest.mark.parametrize("what", REMOVALS)
@pytest.mark.parametrize(
    ("code", "gone"), [(0, True), (105, True), (6, True), (102, True), (1, False)]
)
def test_removing(
    programs: ScriptedPrograms, cluster: Cluster, what: str, code: int, gone: bool
) -> None:
    argv, remove = REMOVALS[what]
    programs.expect(argv, code=code)
    assert remove(cluster) is gone


def test_without_the_software(logged: list[str]) -> None:
    absent = ScriptedPrograms(absent=["crm_node", "attrd_updater", "crm_attribute"])
    cluster = Cluster(absent, Log("test", {}), "db", Deadline(SECONDS))
    for _, read in READS.values():
        assert read(cluster) is None
    for _, write in WRITES.values():
        assert write(cluster) is False
    for _, remove in REMOVALS.values():
        assert remove(cluster) is True
    assert len(logged) == len(READS) + len(WRITES) + len(REMOVALS)
    assert all(line.startswith("INFO: no cluster software here: ") for line in logged)


def test_a_cluster_that_hangs_leaves_time(programs: ScriptedPrograms, cluster: Cluster) -> None:
    programs.expect(["crm_node", "--name"], out="db1")
    cluster.node_name()
    assert programs.calls[0].seconds <= SECONDS / 2
