"""moodle-ha: high availability for Moodle on Pacemaker and ldirectord."""

__version__ = "0.1.0"
