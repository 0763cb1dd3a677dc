"""The audit trail: an append-only Merkle log of what was decided and done (RFC 6962, C2SP tlog-tiles)."""
