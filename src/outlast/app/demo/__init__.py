"""The demonstration: disasters on a small real system, and a check of everything that is said about them."""
