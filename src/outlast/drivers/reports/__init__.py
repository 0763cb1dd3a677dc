"""Reports from outside: taken in, kept, passed on to detection, and what detection says passed on."""
