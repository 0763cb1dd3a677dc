"""The operator's board: how everything stands, live in a browser; read-only, on loopback."""
