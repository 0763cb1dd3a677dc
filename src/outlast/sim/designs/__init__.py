"""Designs that the explorer can run: ours on the production core, the published one, and mutants."""
