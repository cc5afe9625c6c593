"""Experiments: one file each, whose `get_config(arg)` gives its config."""
