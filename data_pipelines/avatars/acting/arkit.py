"""Where ARKit's expressions stand among the coefficients."""

from functools import cache

from vlogger_jax.body import names


@cache
def column(name: str) -> int:
    """The index of an expression."""
    return names.EXPRESSIONS.index(name)


@cache
def columns(name: str) -> tuple[tuple[int, int], ...]:
    """(side, index) of an expression, or of both its sides: 1 is the person's left, -1 the right, 0 neither."""
    if name in names.EXPRESSIONS:
        return ((0, column(name)),)
    return (1, column(f"{name}Left")), (-1, column(f"{name}Right"))
