"""Detection and attribution: from counted reports to what is down, where, and what explains it."""
