"""A pytest plugin that rehearses outages: true errors, real sockets, no root."""
