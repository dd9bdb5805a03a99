"""This machine, one door each: time, log, programs, processes, network, state files."""
