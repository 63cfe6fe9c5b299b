"""Pickles of features and captions, read without running anything that they ask to run.

A pickle is a small program. This module runs only the part of the language that builds plain
values and numpy arrays, in its own interpreter: the classes and functions that a file names are
looked up in a table here and never imported. Sizes that a file declares are compared with what
the file holds before memory is taken. All protocols are read, those of Python 2 too.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from mmlab.readers.pickled_values import (
    ADMITTED,
    FUNCTIONS,
    PickleError,
    checked_key,
    of_type,
    pairs_of,
    set_array_state,
    set_dtype_state,
)

_END = object()
_COPIED = (str, bytes, bytearray, list, tuple, dict)
_MOST_REMEMBERED = 1 << 32  # what the binary instructions can number


def loads(data: Any) -> Any:
    """The value in a pickle.

    Args:
        data: bytes, or a memory map of a file.

    Raises:
        PickleError: the pickle is damaged, names a class that is not admitted, or declares more
            than it holds.
    """
    machine = _Machine(data)
    try:
        return machine.run()
    except PickleError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error) as e:
        raise PickleError(f"is damaged near byte {machine.position} ({e!s:.200})") from None


class _Machine:
    """The pickle language on a stack, without its means to call anything.

    Attributes:
        position: the byte to read next.
    """

    def __init__(self, data: Any) -> None:
        self.data, self.position = data, 0
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []  # the stacks below each open mark
        self.memo: dict[int, Any] = {}
        # Bytes that an honest file needs: four for a container, each content copied four times.
        self.containers_left = 100_000 + len(data) // 4
        self.copies_left = 1_000_000 + 4 * len(data)

    def run(self) -> Any:
        while True:
            code = self.take(1)
            handler = _HANDLERS.get(code)
            if handler is None:
                raise PickleError(f"uses the instruction {code!r}, which is not admitted")
            if handler(self) is _END:
                return self.stack.pop()

    # --- bytes -------------------------------------------------------------------------------

    def take(self, count: int) -> bytes:
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise PickleError(f"ends early: {count} bytes are declared at byte {self.position}")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise PickleError(f"ends early, in a line at byte {self.position}")
        line = self.data[self.position : end]
        self.position = end + 1
        return line

    # --- stack -------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def new(self, value: Any) -> None:
        """Push a container or tuple; their number is bounded by the size of the file."""
        self.containers_left -= 1
        if self.containers_left < 0:
            raise PickleError("holds more containers than its size can explain")
        self.stack.append(value)

    def copy(self, values: tuple[Any, ...]) -> None:
        """Count what a function is about to copy: a value that is remembered can come often."""
        self.copies_left -= sum(len(value) for value in values if isinstance(value, _COPIED))
        if self.copies_left < 0:
            raise PickleError("copies its values more often than its size can explain")

    def mark(self) -> None:
        self.new(None)
        self.stack.pop()
        self.marked.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    # --- memo: an index table here, so a huge index costs nothing ----------------------------

    def remember(self, index: int) -> None:
        if not 0 <= index < _MOST_REMEMBERED:
            raise PickleError(f"remembers a value under an absurd number at {self.position}")
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        self.push(self.memo[index])

    # --- containers --------------------------------------------------------------------------

    def append(self) -> None:
        value = self.stack.pop()
        of_type(self.stack[-1], list).append(value)

    def appends(self) -> None:
        items = self.pop_mark()
        of_type(self.stack[-1], list).extend(items)

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        of_type(self.stack[-1], dict)[checked_key(key)] = value

    def set_items(self) -> None:
        items = self.pop_mark()
        of_type(self.stack[-1], dict).update(pairs_of(items))

    def add_items(self) -> None:
        items = self.pop_mark()
        of_type(self.stack[-1], set).update(map(checked_key, items))

    def tuple_of(self, count: int) -> None:
        if count > len(self.stack):
            raise PickleError("takes more values than there are")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.new(items)

    # --- classes and functions ---------------------------------------------------------------

    def find(self, module: str, name: str) -> None:
        function = ADMITTED.get((module, name))
        if function is None:
            raise PickleError(
                f"asks for {module:.99}.{name:.99}; only numpy arrays and plain values are admitted"
            )
        self.push(function)

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if function not in FUNCTIONS or not isinstance(arguments, tuple):
            raise PickleError("calls something that is not a function")
        self.copy(arguments)
        self.new(function(*arguments))

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is np.ndarray:
            self.copy(of_type(state, tuple))
            set_array_state(target, state)
        elif isinstance(target, np.dtype):
            set_dtype_state(target, state)
        else:
            raise PickleError(f"sets the state of a {type(target).__name__}")


def _python_2_text(raw: bytes) -> str:
    """Python 2 knew one type for text and bytes: UTF-8 where it is that, else one char a byte.

    An array's bytes can be had back from either: only one of the two has the array's length.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _escaped_text(line: bytes) -> str:
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise PickleError("has a text without quotes")
    return _python_2_text(_unescape(line[1:-1]))


def _unescape(quoted: bytes) -> bytes:
    simple = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0"}
    pattern = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)

    def character(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code[1:], 16)]) if len(code) == 3 else simple.get(code, code)

    return pattern.sub(character, quoted)


def _integer(line: bytes) -> int | bool:
    if line in (b"00", b"01"):  # how protocol 0 writes False and True
        return line == b"01"
    return int(line.removesuffix(b"L"))  # int() refuses texts of thousands of digits


def _signed(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _text(raw: bytes) -> str:
    return whole_text(raw.decode("utf-8", "surrogatepass"))


def whole_text(text: str) -> str:
    """The text with a replacement character for each half of one, which cannot be written."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _name(line: bytes) -> str:
    return line.decode("utf-8")


def _stack_global(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.find(of_type(module, str), of_type(name, str))


def _frame(machine: _Machine) -> None:
    size = machine.number("<Q")
    if size > len(machine.data) - machine.position:
        raise PickleError(f"declares a frame of {size} bytes, more than the file holds")


def _protocol(machine: _Machine) -> None:
    version = machine.number("<B")
    if version > 5:
        raise PickleError(f"is of protocol {version}; 0 to 5 are read")


_HANDLERS: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": _protocol,
    b"\x95": _frame,
    b".": lambda m: _END,
    b"(": _Machine.mark,
    b"0": _Machine.pop,
    b"1": lambda m: m.pop_mark() and None,
    b"2": lambda m: m.push(m.stack[-1]),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"I": lambda m: m.push(_integer(m.line())),
    b"L": lambda m: m.push(_integer(m.line())),
    b"J": lambda m: m.push(m.number("<i")),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"\x8a": lambda m: m.push(_signed(m.take(m.number("<B")))),
    b"\x8b": lambda m: m.push(_signed(m.take(m.number("<i")))),
    b"F": lambda m: m.push(float(m.line())),
    b"G": lambda m: m.push(m.number(">d")),
    b"S": lambda m: m.push(_escaped_text(m.line())),
    b"T": lambda m: m.push(_python_2_text(m.take(m.number("<i")))),
    b"U": lambda m: m.push(_python_2_text(m.take(m.number("<B")))),
    b"B": lambda m: m.push(m.take(m.number("<I"))),
    b"C": lambda m: m.push(m.take(m.number("<B"))),
    b"\x8e": lambda m: m.push(m.take(m.number("<Q"))),
    b"\x96": lambda m: m.push(bytearray(m.take(m.number("<Q")))),
    b"V": lambda m: m.push(whole_text(m.line().decode("raw-unicode-escape"))),
    b"X": lambda m: m.push(_text(m.take(m.number("<I")))),
    b"\x8c": lambda m: m.push(_text(m.take(m.number("<B")))),
    b"\x8d": lambda m: m.push(_text(m.take(m.number("<Q")))),
    b"]": lambda m: m.new([]),
    b"}": lambda m: m.new({}),
    b")": lambda m: m.push(()),
    b"\x8f": lambda m: m.new(set()),
    b"l": lambda m: m.new(m.pop_mark()),
    b"d": lambda m: m.new(pairs_of(m.pop_mark())),
    b"t": lambda m: m.new(tuple(m.pop_mark())),
    b"\x91": lambda m: m.new(frozenset(map(checked_key, m.pop_mark()))),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"a": _Machine.append,
    b"e": _Machine.appends,
    b"s": _Machine.set_item,
    b"u": _Machine.set_items,
    b"\x90": _Machine.add_items,
    b"p": lambda m: m.remember(int(m.line())),
    b"q": lambda m: m.remember(m.number("<B")),
    b"r": lambda m: m.remember(m.number("<I")),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"g": lambda m: m.recall(int(m.line())),
    b"h": lambda m: m.recall(m.number("<B")),
    b"j": lambda m: m.recall(m.number("<I")),
    b"c": lambda m: m.find(_name(m.line()), _name(m.line())),
    b"\x93": _stack_global,
    b"R": _Machine.reduce,
    b"b": _Machine.build,
}
