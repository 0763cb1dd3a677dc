"""Worlds that ship: topologies to try drills on, as files and as a generator."""
