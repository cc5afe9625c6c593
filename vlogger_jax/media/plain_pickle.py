"""Pickles as data: an interpreter of the few opcodes that plain containers need, which imports and calls nothing.

Where a pickle asks for a function to be called, the reader of the format is asked what that would have made.
"""

import dataclasses
import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO


class Refused(ValueError):
    """It is damaged, or asks for more than plain data; the message says which, for a sentence."""


@dataclasses.dataclass(frozen=True)
class Name:
    """Something of a module, such as `torch.FloatStorage`. It is never looked up."""

    dotted: str


_MARK = object()
_LITERALS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = (
    *("BINFLOAT", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
_EMPTY = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _only_dicts(thing: Any, state: Any) -> Any:
    return _a(dict, thing)


def read(
    data: bytes | BinaryIO,
    call: Callable[[str, tuple], Any],
    persistent: Callable[[Any], Any],
    build: Callable[[Any, Any], Any] = _only_dicts,
) -> Any:
    """What a pickle of numbers, strings, bytes, tuples, lists and dicts holds.

    Args:
        data: the pickle, or a file that is read no farther than the pickle needs.
        call: (dotted name, arguments) -> what the function, or the class, of that name makes of them.
        persistent: identifier -> what lies outside of the pickle under it.
        build: (what was made, state) -> what it is in that state; by default attributes set on a dict are left out.

    Raises:
        Refused: if it holds anything else, or if `call` or `persistent` say so.
    """
    try:
        return _run(data, call, persistent, build)
    except Refused:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise Refused("its pickle is damaged") from error


def _run(
    data: bytes | BinaryIO,
    call: Callable[[str, tuple], Any],
    persistent: Callable[[Any], Any],
    build: Callable[[Any, Any], Any],
) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        items = []
        while (item := stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    for opcode, argument, _ in pickletools.genops(data):
        match opcode.name:
            case "PROTO" | "FRAME":
                continue
            case "STOP":
                return stack.pop()
            case name if name in _VALUES:
                stack.append(argument)
            case name if name in _LITERALS:
                stack.append(_LITERALS[name])
            case name if name in _EMPTY:
                stack.append(_EMPTY[name]())
            case "MARK":
                stack.append(_MARK)
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case name if name in _TUPLES:
                stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
            case "APPEND":
                item = stack.pop()
                _a(list, stack[-1]).append(item)
            case "APPENDS":
                items = since_mark()
                _a(list, stack[-1]).extend(items)
            case "SETITEM":
                key, value = stack[-2:]
                del stack[-2:]
                _put(stack[-1], key, value)
            case "SETITEMS":
                items = since_mark()
                for key, value in zip(items[::2], items[1::2], strict=True):
                    _put(stack[-1], key, value)
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(Name(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                name, module = _a(str, stack.pop()), _a(str, stack.pop())
                stack.append(Name(f"{module}.{name}"))
            case "REDUCE" | "NEWOBJ":
                arguments, function = _a(tuple, stack.pop()), _a(Name, stack.pop())
                stack.append(call(function.dotted, arguments))
            case "BINPERSID":
                stack.append(persistent(stack.pop()))
            case "BUILD":
                state = stack.pop()
                stack[-1] = build(stack[-1], state)
            case name:
                raise Refused(f"its pickle holds more than plain data (opcode {name})")
    raise Refused("its pickle is damaged")


def _a(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise Refused(f"its pickle holds more than plain data (a {kind.__name__} was expected)")
    return value


def _put(target: Any, key: Any, value: Any) -> None:
    # Other keys would have to be hashed, which of tuples in tuples in tuples has no end.
    if type(key) not in (str, int):
        raise Refused("its pickle has keys that are neither strings nor numbers")
    _a(dict, target)[key] = value
