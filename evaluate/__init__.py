"""How well detection and blame do on data that nobody here made, and on large synthetic graphs."""
