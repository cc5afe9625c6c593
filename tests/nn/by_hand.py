"""Layers in numpy, from their definitions."""

import numpy as np


def silu(x):
    return x / (1 + np.exp(-x))


def group_norm(params, x, groups, epsilon=1e-5):
    """Of each picture of x [..., h, w, c]."""
    parts = x.reshape(*x.shape[:-1], groups, -1)
    mean, variance = (getattr(parts, moment)(axis=(-4, -3, -1), keepdims=True) for moment in ("mean", "var"))
    return ((parts - mean) / np.sqrt(variance + epsilon)).reshape(x.shape) * params["scale"] + params["bias"]


def conv(params, x):
    """3 x 3, zeros around."""
    h, w = x.shape[-3:-1]
    around = np.pad(x, [(0, 0)] * (x.ndim - 3) + [(1, 1), (1, 1), (0, 0)])
    taps = (around[..., i : i + h, j : j + w, :] @ params["kernel"][i, j] for i in range(3) for j in range(3))
    return sum(taps) + params["bias"]


def temporal_conv(params, x, before=1):
    """Of frames of x [b, t, ..., c], the ends repeated."""
    kernel, frames = params["conv"]["kernel"][:, 0], np.arange(x.shape[1])
    taps = (x[:, np.clip(frames + i - before, 0, frames[-1])] @ kernel[i] for i in range(len(kernel)))
    return sum(taps) + params["conv"]["bias"]


def temporal_residual(params, x, groups, before=1):
    """Of x [b, t, h, w, c]."""
    return x + temporal_conv(params["conv"], silu(group_norm(params["norm"], x, groups)), before)
