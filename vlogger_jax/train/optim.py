"""AdamW after clipping, and its learning rate over time."""

import dataclasses
import math
from typing import Literal

import optax

from vlogger_jax.core.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optim:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019) on gradients of limited norm.

    Attributes:
        learning_rate: after `warmup` steps, through which it rises from 0 in a straight line.
        decay: what follows: "none" leaves it, "cosine" lets it fall to 0 at step `steps`.
        clip: the largest norm of all gradients together.
    """

    learning_rate: float
    warmup: int = 0
    decay: Literal["none", "cosine"] = "none"
    steps: int = 0
    clip: float = 1.0
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        # Not the training's own number of steps, which may be raised when it is to go on.
        if self.decay == "cosine" and self.steps <= self.warmup:
            raise UserError(
                f"the learning rate is to fall until step {self.steps}, and rises until {self.warmup}",
                "Give optim.steps, later than optim.warmup",
            )
        wanted = {
            "learning_rate": 0 < self.learning_rate < math.inf,
            "clip": self.clip > 0,
            "eps": self.eps >= 0,
            "b1": 0 <= self.b1 < 1,
            "b2": 0 <= self.b2 < 1,
            "weight_decay": self.weight_decay >= 0,
            "warmup": self.warmup >= 0,
        }
        for name, fits in wanted.items():
            if not fits:
                raise UserError(f"optim.{name} is {getattr(self, name)}", "Give a positive number; b1, b2 less than 1")

    def schedule(self) -> optax.Schedule:
        """The learning rate at a step."""
        rise = optax.linear_schedule(0.0, self.learning_rate, self.warmup)
        after = optax.constant_schedule(self.learning_rate)
        if self.decay == "cosine":
            after = optax.cosine_decay_schedule(self.learning_rate, self.steps - self.warmup)
        return optax.join_schedules([rise, after], [self.warmup]) if self.warmup else after

    def transform(self) -> optax.GradientTransformation:
        """From gradients to updates: clip, Adam, weight decay, learning rate."""
        adam = optax.adamw(self.schedule(), b1=self.b1, b2=self.b2, eps=self.eps, weight_decay=self.weight_decay)
        return optax.chain(optax.clip_by_global_norm(self.clip), adam)
