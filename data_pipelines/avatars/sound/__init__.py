"""What happens to a voice before it is a recording. All of it is 16 kHz, float32, numpy, drawn from a generator."""

RATE = 16000
"""Samples/s."""
