"""The virtual world: designs under virtual time, explored, shrunk and told."""
