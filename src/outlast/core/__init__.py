"""The decisions, one file a verb: pure, total, synchronous. `loop` is the sentence they make."""
