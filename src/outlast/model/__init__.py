"""The nouns: frozen, checked on creation, printable in one line. Standard library only."""
