"""Glass: what people see of it all: incidents, the public page, reviews. Pure; others write the files."""
