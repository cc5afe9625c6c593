"""Parameters in two parts, those that are trained and those that are not, told by patterns of their paths."""

import re
from collections.abc import Sequence

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import paths
from vlogger_jax.core.stage import Params, Variables


def divided(params: Params, trained: Sequence[str], where: str = "config.trained") -> Variables:
    """`params` in two parts; whatever path ("control/encoder/stem/kernel") one of `trained` begins is trainable.

    Args:
        trained: regular expressions, matched at the beginning of paths.
        where: what messages call them.

    Raises:
        UserError: if one of them is no regular expression or matches nothing.
    """
    try:
        patterns = [re.compile(each) for each in trained]
    except re.error as error:
        raise UserError(f"{where} has a pattern that is none: {error}", "Mend it") from error
    names = paths(params)
    for pattern in patterns:
        if not any(map(pattern.match, names)):
            raise UserError(f"{where}: nothing is named {pattern.pattern!r}", f"Paths begin like {next(iter(names))!r}")
    chosen = {name for name in names if any(pattern.match(name) for pattern in patterns)}
    return Variables(_only(params, chosen, True, ""), _only(params, chosen, False, ""))


def together(variables: Variables) -> Params:
    """What `divided` divided."""
    return _merged(variables.trainable, variables.frozen)


def replaced(params: Params, by: Params) -> Params:
    """`params`, with everything that `by` has taken from there."""
    return {
        name: (replaced(part, by[name]) if isinstance(part, dict) else by[name]) if name in by else part
        for name, part in params.items()
    }


def _only(params: Params, chosen: set[str], kept: bool, path: str) -> Params:
    found = {}
    for name, part in params.items():
        if isinstance(part, dict):
            if inside := _only(part, chosen, kept, f"{path}{name}/"):
                found[name] = inside
        elif (f"{path}{name}" in chosen) == kept:
            found[name] = part
    return found


def _merged(one: Params, other: Params) -> Params:
    names = list(dict.fromkeys([*one, *other]))
    return {
        name: _merged(one[name], other[name]) if name in one and name in other else one.get(name, other.get(name))
        for name in names
    }
