"""The cluster as an agent sees it: node attributes, promotion score, quorum, node names.

Every call goes through Pacemaker's own commands.  Without a running cluster (an administrator's
`crm_resource --force-start`, ocf-tester) they exit with 102: writing is then one line in the log
and goes on, reading says that nothing is known.
"""

from __future__ import annotations

from ..system.programs import ProgramNotFound
from .exits import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..system.deadline import Deadline
    from ..system.log import Log
    from ..system.programs import Programs, Result

INFINITY = 1000000
_NO_CLUSTER = 102  # CRM_EX_DISCONNECT
_ABSENT = (6, 105)  # ENXIO of older commands, CRM_EX_NOSUCH


class Cluster:
    """Attributes of this node unless a node is named."""

    def __init__(self, programs: Programs, log: Log, instance: str, deadline: Deadline) -> None:
        self._programs = programs
        self._log = log
        self._instance = instance
        self._deadline = deadline

    def node_name(self) -> str | None:
        """This node's name in the cluster; None without one."""
        result = self._run("crm_node", "--name")
        return result.out.strip() or None if result else None

    def has_quorum(self) -> bool | None:
        """True or False; None when there is no cluster to ask."""
        result = self._run("crm_node", "--quorum")
        return result.out.strip() == "1" if result else None

    def attribute(self, name: str, node: str | None = None) -> str | None:
        """A transient attribute (public or private); None when unset or without a cluster."""
        where = ["--node", node] if node else []
        result = self._run("attrd_updater", "--query", "--name", name, *where)
        for line in result.out.splitlines() if result else []:
            _, found, rest = line.partition('value="')
            if found:
                return rest.rpartition('"')[0] or None
        return None

    def set_attribute(
        self, name: str, value: str, *, private: bool = False, dampen: float | None = None
    ) -> bool:
        """Set a transient attribute; gone when the node leaves the cluster.

        A private one is never written to the CIB: cheap, and no new transition.  `dampen` is
        the number of seconds to wait for further changes before the CIB is written.
        Returns whether the cluster took it.
        """
        words = ["--private"] if private else []
        if dampen is None:
            words += ["--update", value]
        else:
            words += ["--update-both", value, "--delay", f"{dampen:g}s"]
        return self._write("attrd_updater", "--name", name, *words)

    def delete_attribute(self, name: str) -> bool:
        """Remove a transient attribute: True when it is gone, False when the cluster refused.

        One that was not there is gone, and without a cluster there are none.
        """
        return self._forget("attrd_updater", "--name", name, "--delete")

    def permanent_attribute(self, name: str, node: str | None = None) -> str | None:
        """An attribute that survives reboots; None when unset or without a cluster."""
        where = ["--node", node] if node else []
        query = ("--lifetime", "forever", "--name", name, "--query", "--quiet")
        result = self._run("crm_attribute", *query, *where)
        return result.out.strip() or None if result else None

    def set_permanent_attribute(self, name: str, value: str, node: str | None = None) -> bool:
        """Set an attribute that survives reboots.  Returns whether the cluster took it."""
        where = ["--node", node] if node else []
        update = ("--lifetime", "forever", "--name", name, "--update", value)
        return self._write("crm_attribute", *update, *where)

    def promotion_score(self) -> int | None:
        """The score that this node has for promoting this resource; None when unset.

        An administrator's INFINITY is 1000000, as in Pacemaker.
        """
        result = self._run("crm_attribute", *self._promotion(), "--query", "--quiet")
        try:
            return int(result.out.replace("INFINITY", str(INFINITY))) if result else None
        except ValueError:
            return None

    def set_promotion_score(self, score: int) -> bool:
        """Say how well this node would do as the promoted one; negative: never.

        Pacemaker forgets the score on clean-up and after maintenance, so every monitor and
        every probe says it again.
        """
        return self._write("crm_attribute", *self._promotion(), "--update", str(score))

    def delete_promotion_score(self) -> bool:
        """This node is no candidate.  Returns as `delete_attribute` does."""
        return self._forget("crm_attribute", *self._promotion(), "--delete")

    def _promotion(self) -> tuple[str, ...]:
        return f"--promotion={self._instance.partition(':')[0]}", "--lifetime", "reboot"

    def _forget(self, *argv: str) -> bool:
        try:
            self._run(*argv)
        except Failed as error:
            self._log.warning(error.reason)
            return False
        return True

    def _write(self, *argv: str) -> bool:
        """Did the cluster take it?  A refusal is logged, no more: a stop must not fail by it."""
        try:
            return self._run(*argv) is not None
        except Failed as error:
            self._log.warning(error.reason)
            return False

    def _run(self, *argv: str) -> Result | None:
        """The result; None when there is no cluster or no such attribute.

        Raises Failed for everything else: to take an error for "unset" would be a decision.
        """
        try:
            # A share: a cluster that hangs must leave time for the work itself.
            result = self._programs.run(argv, self._deadline.share(0.5))
        except ProgramNotFound as error:
            self._log.info(f"no cluster software here: {error}")
            return None
        if result.code == 0:
            return result
        if result.code == _NO_CLUSTER:
            self._log.info(f"no cluster is running here: {result.failure()}")
            return None
        if result.code in _ABSENT:
            return None
        raise Failed(f"{result.failure()}; see pacemaker's log on this node")
