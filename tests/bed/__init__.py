"""The bed: machines made of namespaces, in which real programs of the lab's image run.

    with Bed() as bed:
        one = bed.machine("one", "192.0.2.1/24")
        two = bed.machine("two", "192.0.2.2/24")
        assert one.run(["ping", "-c1", "192.0.2.2"]).code == 0

A machine has mounts, processes, network, host name and IPC of its own; it starts in a quarter of
a second, shares the host's kernel, and is gone with the test process, however that ends.
"""
