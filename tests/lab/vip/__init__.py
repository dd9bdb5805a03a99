"""Scenarios of ocf:moodle:vip in a real cluster."""
