"""An ONNX model of one node, written as protobuf by hand: the package that makes such files is heavy.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

import numpy as np
from numpy.typing import NDArray

INT64, FLOAT = 7, 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 127
        out.append(low | (128 if value else 0))
        if not value:
            return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _value(name: str, kind: int, *shape: str | int) -> bytes:
    dims = b"".join(_bytes(1, _bytes(2, d) if isinstance(d, str) else _number(1, d)) for d in shape)
    tensor = _number(1, kind) + _bytes(2, dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


def tiny_model(table: NDArray[np.float32]) -> bytes:
    """Looks every token's vector up in *table* (tokens x dimensions): an encoder without layers."""
    rows, width = table.shape
    gather = _bytes(1, "table") + _bytes(1, "input_ids") + _bytes(2, "last_hidden_state") + _bytes(4, "Gather")
    initializer = _number(1, rows) + _number(1, width) + _number(2, FLOAT) + _bytes(8, "table")
    graph = (
        _bytes(1, gather)
        + _bytes(2, "tiny")
        + _bytes(5, initializer + _bytes(9, table.astype("<f4").tobytes()))
        + _bytes(11, _value("input_ids", INT64, "batch", "tokens"))
        + _bytes(11, _value("attention_mask", INT64, "batch", "tokens"))
        + _bytes(12, _value("last_hidden_state", FLOAT, "batch", "tokens", width))
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13))
