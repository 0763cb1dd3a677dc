"""Audit: names each hidden single road of a topology, as a linter names a fault in code.

`audit` judges a topology by the rules and returns findings; `graph`, `falls`, `roads` and `boot` answer
what needs what. Reading files, finding lines and showing the outcome is the business of `app`.
"""
