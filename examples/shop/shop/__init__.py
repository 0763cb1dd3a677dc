"""A small shop: orders in a DynamoDB-compatible table, prices from a supplier, an audit trail in SQLite."""
