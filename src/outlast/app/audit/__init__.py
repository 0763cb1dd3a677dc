"""The audit's outside: files, lines, suppressions, repairs, and the forms in which findings are shown."""
