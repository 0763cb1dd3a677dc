"""Chaos: the real programs, each in its own process, on a real name server, under real faults.

The simulator (`outlast verify`) runs the same decisions through far more histories. What it cannot show is
that processes, sockets, disks, signals and three foreign name servers behave as its models say. That is
what this folder is for: `python -m chaos --server bind --faults 500`.
"""
