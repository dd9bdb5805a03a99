"""Tests of moodle-ha and the helpers that they share."""
