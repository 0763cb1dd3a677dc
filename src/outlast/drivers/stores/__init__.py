"""Stores: where topology runs, plans and overrides are kept. For progress only, never for safety."""
