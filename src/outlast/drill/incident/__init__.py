"""20 October 2025 beside its record: what was put in, what was fitted, what came out by itself."""
