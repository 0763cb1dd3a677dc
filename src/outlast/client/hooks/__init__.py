"""Facts to other tools: one small module each, imported when you want it."""
