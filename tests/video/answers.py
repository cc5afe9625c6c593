"""Networks whose answers are known."""

import dataclasses
from collections.abc import Callable

from vlogger_jax.core.typing import Array


@dataclasses.dataclass(frozen=True)
class Answers:
    """A network that answers with what `of` makes of the channels that it is shown."""

    of: Callable[[Array], Array]

    def shapes(self):
        return {}

    def init(self, key):
        return {}

    def begin(self, base, fresh):
        return fresh

    def remember(self, params, reference):
        return ()

    def __call__(self, params, x, t, seen, level, *, scale=1.0, memory=(), keys=None):
        return scale * self.of(seen)


# With a composite alone as steering: its three channels, then its matte, then the reference's.
COMPOSITE = Answers(lambda seen: seen[..., :3])
REFERENCE = Answers(lambda seen: seen[..., 4:7])
BOTH = Answers(lambda seen: seen[..., :3] + seen[..., 4:7])
