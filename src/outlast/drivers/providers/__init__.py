"""Drivers of the DNS that we write to. Each passes `tests/contract/test_provider.py`."""
