"""A source of records that changes what is asked for."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data_pipelines.loaders.dataset import Chunks, Clips

Change = Mapping[str, Callable[[int, Mapping[str, Any]], Any]]


class Tampered(Sequence):
    """`source` with some values replaced by functions of the number and the values of an example."""

    def __init__(self, source: Any, change: Change):
        self.source, self.change = source, change
        self.split, self.dataset_info = source.split, source.dataset_info

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, number: int) -> dict[str, Any]:
        values = self.source[number]
        return {**values, **{name: make(number, values) for name, make in self.change.items()}}


def tampered(examples: Clips | Chunks, change: Change) -> Any:
    """The same examples from a source that is tampered with."""
    source = Tampered(examples.records.source, change)
    return dataclasses.replace(examples, records=dataclasses.replace(examples.records, source=source))
