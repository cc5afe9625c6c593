"""Devices: the mesh they form, where arrays lie on it, several processes as one. Knows nothing of what is computed."""
