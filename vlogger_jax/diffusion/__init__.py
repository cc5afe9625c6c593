"""Diffusion mathematics: schedules, losses, samplers, guidance and outpainting as pure functions of arrays."""
