"""The audit trail's edge: from the journal in the store to files that anybody can verify."""
