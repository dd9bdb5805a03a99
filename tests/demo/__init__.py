"""A failover before your eyes: what `make demo` runs."""
