"""Where everything is put together: state on disk, wiring, roles, command line."""
