"""Discovery: what can be seen of a world, in files that others wrote and in the DNS.

Each reader returns `Found`: services, needs, regions and zones, each with its evidence. A reader believes
nothing more than its source says, and names its guesses as guesses.
"""
