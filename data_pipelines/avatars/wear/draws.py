"""The draws that a wardrobe is made of."""

import numpy as np

LAST_SEED = 1 << 30
"""Seeds of folds, strands and so on are below this."""


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Whether something happens."""
    return bool(rng.random() < probability)


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number from `low` to `high`."""
    return float(rng.uniform(low, high))


def one_of(rng: np.random.Generator, **shares: float | int) -> str:
    """One of the names, in proportion to their shares."""
    share = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=share / share.sum()))
