"""Moving in: what others wrote about the DNS becomes a topology, with a report of what could not."""
