"""What all configs share."""


def parse_arg(arg: str, **choices: tuple[str, ...]) -> dict[str, str]:
    """What follows the colon in `configs/toy_ar1.py:size=small`, as a dict.

    Args:
        arg: `key=value`, separated by commas; "" for none.
        choices: values that each key may have; the first is taken where the key is not given.

    Raises:
        ValueError: on another key or value, or one given twice.
    """
    found: dict[str, str] = {}
    for item in arg.split(",") if arg else []:
        key, _, value = item.partition("=")
        if key not in choices:
            raise ValueError(f"unknown key {key!r} in {arg!r}; known keys: {', '.join(choices)}")
        if value not in choices[key]:
            raise ValueError(f"{key} is {value!r} in {arg!r}; it may be {', '.join(choices[key])}")
        if key in found:
            raise ValueError(f"{key} is given twice in {arg!r}")
        found[key] = value
    return {**{key: values[0] for key, values in choices.items()}, **found}
