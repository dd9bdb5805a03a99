"""The lab: real cluster nodes with real Pacemaker on one machine, for tests and the demo."""
