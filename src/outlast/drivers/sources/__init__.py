"""Sources of targets: asking them, reading what they say, and keeping it."""
