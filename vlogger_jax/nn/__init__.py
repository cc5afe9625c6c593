"""Blocks that the networks of motion and video share.

A block computes in the dtype of its parameters, and answers in it. Frames are axis 1, and may be split over chips: what
looks along them asks `core.constrain` for what the neighbours hold.
"""
