"""PNG files, as far as a thumbnail needs them: eight bits of red, green and blue."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

__all__ = ["coloured", "png"]

# Colours from dark to bright, whose lightness rises evenly; what lies between is interpolated.
_ANCHORS = np.array(
    [(8, 6, 30), (52, 30, 106), (116, 40, 118), (182, 62, 92), (232, 112, 56), (250, 184, 76),
     (252, 248, 190)],
    float,
)  # fmt: skip
_MASKED = (138, 138, 138)


def coloured(brightness: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a brightness of 0 to 1 as colours, of shape (rows, columns, 3); NaN is grey."""
    good = np.isfinite(brightness)
    place = np.clip(np.where(good, brightness, 0.0), 0, 1) * (len(_ANCHORS) - 1)
    steps = np.arange(len(_ANCHORS))
    channels = [np.interp(place, steps, _ANCHORS[:, channel]) for channel in range(3)]
    colours = np.stack(channels, axis=-1).round().astype("u1")
    colours[~good] = _MASKED
    return colours


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    """Return a PNG file of pixels of shape (rows, columns, 3) and type u1, the top row first."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), "u1")  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(rows.tobytes(), 6)),
            (b"IEND", b""),
        )
    )
