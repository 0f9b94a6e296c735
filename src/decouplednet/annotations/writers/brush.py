"""Label Studio's brush masks: which pixels are painted, as a list of bytes.

The bytes hold, most significant bit first:

* 32 bits: the number of values, which are red, green, blue and alpha of every pixel, row by row;
* 5 bits: the bits of a value, less 1;
* four times 4 bits: the bits of a count, less 1, in each of the four widths a count may have;
* chunks, until there are so many values: 1 bit, 2 bits that choose a width, a count less 1 in that
  width; then the one value that comes so often, if the first bit is 1, else so many values;
* 1 to 8 zeros, up to a whole byte.

Only alpha counts: Label Studio paints the colour of the label wherever it is not 0.

Source: the format of rle-pack (thi.ng/umbrella, packages/rle-pack), in which Label Studio's editor
keeps the regions of a brush.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from decouplednet.errors import DataError

_CHANNELS = 4  # red, green, blue, alpha
_PAINTED = 255
_COUNT_BITS, _BYTE_BITS, _WIDTH_BITS = 32, 5, 4  # of the header
_VALUE_BITS = 8
_WIDTHS = (3, 4, 8, 16)  # as the editor writes them
_LONGEST = 2 ** _WIDTHS[-1]  # values of one chunk
_CHUNKS_AT_ONCE = 2**16  # packed together: 14 MB of bits on the way


def can_hold(size: tuple[int, int]) -> bool:
    """Tell whether a brush mask can say how many pixels an image of (H, W) has."""
    height, width = size
    return height * width * _CHANNELS < 1 << _COUNT_BITS


def encode_brush(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> list[int]:
    """Return a mask as the ``rle`` of a brush region.

    Args:
        mask: (H, W) bool, or uint8 alpha of each pixel, 0 to 255; at most 2^30 - 1 pixels.

    Returns:
        Bytes, 0 to 255, with the alpha of a pixel in all four of its channels: the same that
        ``mask2rle`` of label-studio-sdk makes of it.

    Raises:
        DataError: the mask has another shape or type, or no pixel.

    >>> len(encode_brush(np.ones((300, 400), np.bool_)))
    34
    """
    alpha = _alpha(mask)
    starts = np.concatenate([[0], np.flatnonzero(alpha[1:] != alpha[:-1]) + 1])
    lengths = np.diff(np.append(starts, alpha.size)) * _CHANNELS
    counts, values = _split(lengths, alpha[starts])
    codes, sizes = _chunks(counts, values)
    blocks = [_header(alpha.size * _CHANNELS)]
    for start in range(0, codes.size, _CHUNKS_AT_ONCE):
        part = slice(start, start + _CHUNKS_AT_ONCE)
        blocks.append(_bits(codes[part], sizes[part]))
    blocks.append(np.zeros(1, np.uint8))
    return [int(byte) for byte in np.packbits(np.concatenate(blocks))]


def decode_brush(rle: Sequence[int], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the alpha of each pixel of a brush region.

    Args:
        rle: of a region, whoever wrote it: with chunks of both kinds and counts of any widths.
        shape: (H, W) of the image in pixels, ``original_height`` and ``original_width`` there.

    Returns:
        (H, W) uint8; painted where it is not 0.

    Raises:
        DataError: these are no bytes, they end too early, or hold another number of values.
    """
    reader = _Reader(_content(rle))
    expected = shape[0] * shape[1] * _CHANNELS
    total = reader.number(_COUNT_BITS)
    if total != expected:
        raise DataError(
            f"a brush mask holds {total} values; expected {expected}, 4 for each pixel of "
            f"{shape} (H, W)"
        )
    bits = reader.number(_BYTE_BITS) + 1
    if bits != _VALUE_BITS:
        raise DataError(f"a brush mask holds values of {bits} bits; expected {_VALUE_BITS}")
    widths = [reader.number(_WIDTH_BITS) + 1 for _ in _WIDTHS]
    values = np.empty(total, np.uint8)
    done = 0
    while done < total:
        repeated = reader.number(1)
        end = done + reader.number(widths[reader.number(2)]) + 1
        if end > total:
            raise DataError(f"a brush mask holds more than the {total} values that it announces")
        values[done:end] = reader.number(_VALUE_BITS) if repeated else reader.values(end - done)
        done = end
    return values.reshape(*shape, _CHANNELS)[..., -1].copy()


class _Reader:
    """Reads numbers of any width one after the other.

    Args:
        content: the bytes.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0  # in bits

    def number(self, bits: int) -> int:
        """Return the next number, which has so many bits."""
        start, end = self._advance(bits)
        last = -(-end // 8)
        word = int.from_bytes(self._content[start // 8 : last], "big")
        return word >> (8 * last - end) & ((1 << bits) - 1)

    def values(self, count: int) -> NDArray[np.uint8]:
        """Return so many values of 8 bits."""
        start, end = self._advance(count * _VALUE_BITS)
        held = np.frombuffer(self._content[start // 8 : -(-end // 8)], np.uint8)
        skipped = start % 8
        return np.packbits(np.unpackbits(held)[skipped : skipped + count * _VALUE_BITS])

    def _advance(self, bits: int) -> tuple[int, int]:
        start, self._place = self._place, self._place + bits
        if self._place > 8 * len(self._content):
            raise DataError(f"a brush mask is cut short: it ends after {len(self._content)} bytes")
        return start, self._place


def _alpha(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the alpha of all pixels in one row."""
    if mask.ndim != 2 or mask.dtype not in (np.bool_, np.uint8) or not mask.size:
        raise DataError(
            f"a mask of type {mask.dtype} and shape {mask.shape} cannot be painted; expected "
            "(H, W) bool or uint8 with at least one pixel"
        )
    if not can_hold((mask.shape[0], mask.shape[1])):
        raise DataError(f"a mask of {mask.size} pixels is too large for a brush; at most 2^30 - 1")
    painted = mask.astype(np.uint8) * _PAINTED if mask.dtype == np.bool_ else mask
    return np.ravel(painted).astype(np.uint8)


def _split(
    lengths: NDArray[np.int64], values: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return runs of values as runs that a chunk can count."""
    pieces = -(-lengths // _LONGEST)
    counts = np.full(int(pieces.sum()), _LONGEST, np.int64)
    counts[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * _LONGEST
    return counts, np.repeat(values, pieces)


def _chunks(
    counts: NDArray[np.int64], values: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the chunk of each run as a number, and how many bits it has."""
    place = np.searchsorted([2**width for width in _WIDTHS], counts)
    widths = np.array(_WIDTHS)[place]
    kind = (1 << 2) | place  # one value that repeats, and the width of its count
    codes = ((kind << widths | (counts - 1)) << _VALUE_BITS) | values
    return codes, 3 + widths + _VALUE_BITS


def _header(total: int) -> NDArray[np.uint8]:
    numbers = [total, _VALUE_BITS - 1, *(width - 1 for width in _WIDTHS)]
    sizes = [_COUNT_BITS, _BYTE_BITS, *(_WIDTH_BITS for _ in _WIDTHS)]
    return _bits(np.array(numbers), np.array(sizes))


def _bits(numbers: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return numbers as bits one after the other, each in as many as its size says."""
    ends = np.cumsum(sizes)
    behind = np.repeat(ends, sizes) - np.arange(ends[-1]) - 1  # bits of the number yet to come
    return (np.repeat(numbers, sizes) >> behind & 1).astype(np.uint8)


def _content(rle: Sequence[int]) -> bytes:
    try:
        return bytes(rle)
    except (TypeError, ValueError):
        raise DataError("a brush mask is a list of bytes, whole numbers from 0 to 255") from None
