"""The mechanisms of a drill: each a small module of formulas, with their source, and a state that steps.

Formulas are written for one cell with operations that work on arrays alike: the stepping below applies them
to all services and regions at once. Nothing here knows files, scenarios, clocks or randomness.
"""
