"""Data: how it is made, written and loaded. Runs from a checkout with `python -m`."""
