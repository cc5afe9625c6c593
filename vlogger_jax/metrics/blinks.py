"""How often people blink: of faces in ARKit's expressions. Who never does stares; no other metric sees it."""

import numpy as np

from vlogger_jax.body.names import EXPRESSIONS
from vlogger_jax.core.records import Motion

CLOSED, OPEN = 0.5, 0.3
"""Of ARKit's eyeBlink, both lids' mean: a blink closes lids to the one, and is over at the other."""

LIDS = [EXPRESSIONS.index(f"eyeBlink{side}") for side in ("Left", "Right")]


def blinks(motion: Motion) -> int:
    """How many begin in a clip, [t]. Lids that tremble around `CLOSED` count once, closed ones at the beginning too.

    Raises:
        ValueError: if expressions are not ARKit's.
    """
    expression = np.asarray(motion.expression)
    if expression.shape[-1] != len(EXPRESSIONS):
        raise ValueError(f"{expression.shape[-1]} expressions are not ARKit's {len(EXPRESSIONS)}")
    count, shut = 0, False
    for lid in expression[:, LIDS].mean(axis=-1):
        count += not shut and lid >= CLOSED
        shut = lid >= (OPEN if shut else CLOSED)
    return int(count)
