"""One module for each client library, by documented means; none is imported by itself."""
