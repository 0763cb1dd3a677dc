"""Reports on the command line: taking them in, making them up, watching them."""
