"""The control plane itself in a drill: the production core probes, plans and enacts in virtual time."""
