"""HyperLogLog: how many different elements were added, from the longest run of zeros that their hashes showed.

The estimator is that of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), over
2**14 registers of 6 bits. A HyperLogLog is a string, and its bytes are Redis's own:

    0     4          5        8                       16
    HYLL  encoding   0 0 0    last estimate, 64 bits  registers
          0 dense             little-endian; the
          1 sparse            highest bit: outdated

    dense    register n is the 6 bits from bit 6n on, bits counted from the lowest of each byte: 12,288 bytes
    sparse   runs of registers, in order:
             00nnnnnn            ZERO   n+1 registers of 0
             01nnnnnn nnnnnnnn   XZERO  n+1 registers of 0, n of 14 bits
             1vvvvvnn            VAL    n+1 registers of v+1

A sparse one becomes dense, for good, when a value is beyond 32 or it would grow too long.
"""

from collections.abc import Iterator, Sequence
from math import floor, inf, sqrt
from random import Random
from struct import unpack_from
from typing import Final
from zlib import adler32

Sketch = bytes | bytearray

REGISTERS: Final = 1 << 14
HEADER: Final = 16
DENSE_SIZE: Final = HEADER + REGISTERS * 6 // 8

_MAGIC: Final = b"HYLL"
_INDEX_BITS: Final = 14
_RANK_BITS: Final = 64 - _INDEX_BITS
_ALPHA: Final = 0.721347520444481703680  # 1 / (2 ln 2), the limit of the bias correction for many registers
_OUTDATED: Final = 0x80
_VAL: Final = 0x80
_XZERO: Final = 0x40
_SPARSE_VALUE_MAX: Final = 32
_SPARSE_RUN_MAX: Final = 4
_ZERO_RUN_MAX: Final = 64
_MERGE_WINDOW: Final = 5
"""How many runs are looked at for equal neighbours after a change: part of the format, as the bytes depend on it."""

_MASK: Final = 2**64 - 1
_MURMUR_FACTOR: Final = 0xC6A4A7935BD1E995
_MURMUR_SEED: Final = 0xADC83B19


class CorruptError(ValueError):
    """The runs of a sparse HyperLogLog do not make its registers."""


def murmur(element: bytes) -> int:
    """Return the 64-bit MurmurHash2 (64A) of an element, with the seed that Redis gives it."""
    size = len(element)
    hashed = _MURMUR_SEED ^ size * _MURMUR_FACTOR & _MASK
    for word in unpack_from(f"<{size >> 3}Q", element):
        mixed = word * _MURMUR_FACTOR & _MASK
        mixed = (mixed ^ mixed >> 47) * _MURMUR_FACTOR & _MASK
        hashed = (hashed ^ mixed) * _MURMUR_FACTOR & _MASK
    if size & 7:
        tail = int.from_bytes(element[size & ~7 :], "little")
        hashed = (hashed ^ tail) * _MURMUR_FACTOR & _MASK
    hashed = (hashed ^ hashed >> 47) * _MURMUR_FACTOR & _MASK
    return hashed ^ hashed >> 47


def place(element: bytes) -> tuple[int, int]:
    """Return the register of an element, and its rank: 1 and how many zeros its hash shows there."""
    hashed = murmur(element)
    rest = hashed >> _INDEX_BITS | 1 << _RANK_BITS
    return hashed & REGISTERS - 1, (rest & -rest).bit_length()


# The whole string -----------------------------------------------------------------------------------------


def new() -> bytearray:
    """Return a HyperLogLog of nothing."""
    return bytearray(_MAGIC + b"\x01" + bytes(11) + b"\x7f\xff")


def is_sketch(text: Sketch) -> bool:
    """Return whether a string is a HyperLogLog, by its header and size."""
    if len(text) < HEADER or text[:4] != _MAGIC:
        return False
    return text[4] == 1 or (text[4] == 0 and len(text) == DENSE_SIZE)


def is_dense(sketch: Sketch) -> bool:
    """Return whether all registers are written out."""
    return sketch[4] == 0


def remembered(sketch: Sketch) -> int | None:
    """Return the estimate that the header holds, None when it is outdated."""
    return None if sketch[15] & _OUTDATED else int.from_bytes(sketch[8:16], "little")


def remember(sketch: bytearray, estimated: int) -> None:
    """Write an estimate into the header."""
    sketch[8:16] = estimated.to_bytes(8, "little")


def forget(sketch: bytearray) -> None:
    """Mark the estimate in the header as outdated."""
    sketch[15] |= _OUTDATED


# Registers ------------------------------------------------------------------------------------------------


def put(sketch: bytearray, index: int, value: int, sparse_limit: int) -> bool:
    """Raise a register to a value; return whether it was lower.

    Args:
        sketch: changed in place, the estimate in its header excepted.
        index: the register.
        value: 1 to 51.
        sparse_limit: the size in bytes beyond which a sparse one becomes dense.

    Raises:
        CorruptError: when no run covers the register.
    """
    return (_put_dense if sketch[4] == 0 else _put_sparse)(sketch, index, value, sparse_limit)


def _put_dense(sketch: bytearray, index: int, value: int, _: int = 0) -> bool:
    """`put` for a dense one."""
    at, shift = divmod(6 * index, 8)
    at += HEADER
    pair = int.from_bytes(sketch[at : at + 2], "little")
    old = pair >> shift & 63
    if old >= value:
        return False
    pair ^= (old ^ value) << shift
    sketch[at] = pair & 255
    if shift > 2:
        sketch[at + 1] = pair >> 8
    return True


def _put_sparse(sketch: bytearray, index: int, value: int, limit: int) -> bool:
    """`put` for a sparse one: its run is split, and equal neighbours are merged."""
    if value > _SPARSE_VALUE_MAX:
        make_dense(sketch)
        return _put_dense(sketch, index, value)
    at, before, first, size, span = _find_run(sketch, index)
    run = sketch[at]
    old = (run >> 2 & 31) + 1 if run & _VAL else 0
    if old >= value:
        return False
    behind = first + span - 1 - index
    split = b"%b%c%b" % (_run(old, index - first), _VAL | value - 1 << 2, _run(old, behind))
    grown = len(split) - size
    if grown > 0 and len(sketch) + grown > limit:
        make_dense(sketch)
        return _put_dense(sketch, index, value)
    sketch[at : at + size] = split
    _merge_runs(sketch, before or at)
    return True


def _find_run(sketch: bytearray, index: int) -> tuple[int, int, int, int, int]:
    """Find the run that covers a register.

    Returns:
        Its place, the place of the one before (0 for none), its first register, its size in bytes, and how many
        registers it covers.

    Raises:
        CorruptError: when there is none.
    """
    at, before, first, end = HEADER, 0, 0, len(sketch)
    spans = sketch.translate(_SPANS)
    while at < end:
        stop = spans.find(0, at, at + _STRIDE)
        if stop < 0:
            stop = min(at + _STRIDE, end)
        if stop == at:
            if at + 1 == end:
                break
            span = ((sketch[at] & 63) << 8 | sketch[at + 1]) + 1
            if index < first + span:
                return at, before, first, 2, span
            before = at
            at += 2
            first += span
        elif index >= first + (covered := adler32(spans[at:stop], 0) & 0xFFFF):
            at = stop
            before = at - 1
            first += covered
        else:
            while stop - at > 1:
                middle = (at + stop) >> 1
                covered = adler32(spans[at:middle], 0) & 0xFFFF
                if index < first + covered:
                    stop = middle
                else:
                    at = middle
                    before = at - 1
                    first += covered
            return at, before, first, 1, spans[at]
    raise CorruptError


# A loop over some thousand runs would make PFADD slow. Most runs are single bytes, and of a stretch of such bytes C
# can tell how many registers they cover: Adler-32, started at 0, has the sum of its bytes in its lower half.
_SPANS: Final = bytes(
    (byte & 3) + 1 if byte & _VAL else 0 if byte & _XZERO else byte + 1 for byte in range(256)
)
"""How many registers a run of one byte covers, 0 for runs of two."""

_STRIDE: Final = 512
"""Of so many spans the sum stays below the modulus of Adler-32."""


def _run(value: int, count: int) -> bytes:
    """Return a run of registers with a value; nothing for none."""
    if not count:
        return b""
    if value:
        return b"%c" % (_VAL | value - 1 << 2 | count - 1)
    if count <= _ZERO_RUN_MAX:
        return b"%c" % (count - 1)
    return (_XZERO << 8 | count - 1).to_bytes(2, "big")


def _merge_runs(sketch: bytearray, at: int) -> None:
    """Make one of neighbouring runs of the same value, as far as a run reaches, from a place on."""
    for _ in range(_MERGE_WINDOW):
        if at + 1 >= len(sketch):
            return
        run, following = sketch[at], sketch[at + 1]
        if not run & _VAL:
            at += 2 if run & _XZERO else 1
            continue
        count = (run & 3) + (following & 3) + 2
        if run >> 2 == following >> 2 and count <= _SPARSE_RUN_MAX:
            sketch[at : at + 2] = b"%c" % (run & ~3 | count - 1)
        else:
            at += 1


def runs(sketch: Sketch) -> Iterator[tuple[int, int]]:
    """Yield the runs of a sparse HyperLogLog: a value and how many registers have it.

    Raises:
        CorruptError: at the end, when they were not as many as there are registers.
    """
    at, end, total = HEADER, len(sketch), 0
    while at < end:
        run = sketch[at]
        at += 1
        if run & _VAL:
            value, span = (run >> 2 & 31) + 1, (run & 3) + 1
        elif run & _XZERO:
            low = sketch[at] if at < end else 0  # Redis reads the end of its string there
            value, span = 0, ((run & 63) << 8 | low) + 1
            at += 1
        else:
            value, span = 0, run + 1
        total += span
        if total > REGISTERS:
            break
        yield value, span
    if total != REGISTERS:
        raise CorruptError


def describe(sketch: Sketch) -> bytes:
    """Return the runs of a sparse HyperLogLog as text: `z:` a ZERO, `Z:` an XZERO, `v:value,count` a VAL."""
    words = []
    at, end = HEADER, len(sketch)
    while at < end:
        run = sketch[at]
        at += 1
        if run & _VAL:
            words.append(b"v:%d,%d" % ((run >> 2 & 31) + 1, (run & 3) + 1))
        elif run & _XZERO:
            low = sketch[at] if at < end else 0
            words.append(b"Z:%d" % (((run & 63) << 8 | low) + 1))
            at += 1
        else:
            words.append(b"z:%d" % (run + 1))
    return b" ".join(words)


# Of the three bytes that four registers share: what each contributes to which register.
_LOW_6: Final = bytes(byte & 63 for byte in range(256))
_HIGH_2: Final = bytes(byte >> 6 for byte in range(256))
_LOW_4: Final = bytes((byte & 15) << 2 for byte in range(256))
_HIGH_4: Final = bytes(byte >> 4 for byte in range(256))
_LOW_2: Final = bytes((byte & 3) << 4 for byte in range(256))
_HIGH_6: Final = bytes(byte >> 2 for byte in range(256))


def _either(one: bytes, other: bytes) -> bytes:
    """Return the OR of two strings of the same size."""
    return (int.from_bytes(one, "big") | int.from_bytes(other, "big")).to_bytes(len(one), "big")


def registers(sketch: Sketch) -> bytes:
    """Return all registers, a byte each.

    Raises:
        CorruptError: when a sparse one does not have as many as there are.
    """
    if not is_dense(sketch):
        return b"".join(bytes((value,)) * span for value, span in runs(sketch))
    first, second, third = (bytes(sketch[HEADER + offset :: 3]) for offset in range(3))
    found = bytearray(REGISTERS)
    found[0::4] = first.translate(_LOW_6)
    found[1::4] = _either(first.translate(_HIGH_2), second.translate(_LOW_4))
    found[2::4] = _either(second.translate(_HIGH_4), third.translate(_LOW_2))
    found[3::4] = third.translate(_HIGH_6)
    return bytes(found)


_SHIFT_6: Final = bytes((byte & 3) << 6 for byte in range(256))
_UNSHIFT_2: Final = bytes(byte >> 2 for byte in range(256))
_SHIFT_4: Final = bytes((byte & 15) << 4 for byte in range(256))
_UNSHIFT_4: Final = bytes(byte >> 4 for byte in range(256))
_SHIFT_2: Final = bytes((byte & 63) << 2 for byte in range(256))


def write_registers(sketch: bytearray, values: bytes) -> None:
    """Make a HyperLogLog dense, with these registers, a byte each; its header otherwise stays."""
    first, second, third, fourth = (values[offset::4] for offset in range(4))
    packed = bytearray(DENSE_SIZE - HEADER)
    packed[0::3] = _either(first, second.translate(_SHIFT_6))
    packed[1::3] = _either(second.translate(_UNSHIFT_2), third.translate(_SHIFT_4))
    packed[2::3] = _either(third.translate(_UNSHIFT_4), fourth.translate(_SHIFT_2))
    sketch[HEADER:] = packed
    sketch[4] = 0


def make_dense(sketch: bytearray) -> None:
    """Write all registers out.

    Raises:
        CorruptError: when a sparse one does not have as many as there are; nothing is changed then.
    """
    write_registers(sketch, registers(sketch))


def highest(sketches: Sequence[Sketch]) -> bytes:
    """Return for each register the greatest value that it has in any of the sketches: their union.

    Raises:
        CorruptError: when the runs of one do not make its registers.
    """
    columns = [registers(sketch) for sketch in sketches]
    if not columns:
        return bytes(REGISTERS)
    return columns[0] if len(columns) == 1 else bytes(map(max, *columns))


# Estimating -----------------------------------------------------------------------------------------------


def count(sketch: Sketch) -> int:
    """Estimate how many different elements were added.

    Raises:
        CorruptError: when the runs of a sparse one do not make its registers.
    """
    if is_dense(sketch):
        return estimate(registers(sketch))
    histogram = [0] * 64
    for value, span in runs(sketch):
        histogram[value] += span
    return _estimate(histogram)


def estimate(values: bytes) -> int:
    """Estimate from registers, a byte each."""
    return _estimate([values.count(value) for value in range(64)])


def _estimate(histogram: list[int]) -> int:
    """Estimate from how many registers have each value."""
    total = REGISTERS * _tau((REGISTERS - histogram[_RANK_BITS + 1]) / REGISTERS)
    for value in range(_RANK_BITS, 0, -1):
        total = (total + histogram[value]) * 0.5
    total += REGISTERS * _sigma(histogram[0] / REGISTERS)
    return floor(_ALPHA * REGISTERS * REGISTERS / total + 0.5)


def _sigma(share: float) -> float:
    """Ertl's correction for registers that are still 0: x + the sum of 2**(k-1) * x**(2**k) over k from 1 on."""
    if share == 1:
        return inf
    power, weight, total, before = share, 1.0, share, -1.0
    while total != before:
        power *= power
        before = total
        total += power * weight
        weight += weight
    return total


def _tau(share: float) -> float:
    """Ertl's correction for registers at their greatest value: (1 - x - the sum of (1 - x**(2**-k))**2 * 2**-k) / 3."""
    if share in {0.0, 1.0}:
        return 0.0
    root, weight, total, before = share, 1.0, 1 - share, -1.0
    while total != before:
        root = sqrt(root)
        before = total
        weight *= 0.5
        total -= (1 - root) ** 2 * weight
    return total / 3


def self_test(random: Random) -> str | None:
    """Check what depends on this machine's arithmetic: packing, and the error of the estimate.

    Returns:
        What is wrong, None when nothing is.
    """
    values = random.randbytes(REGISTERS).translate(_LOW_6)
    dense = new()
    write_registers(dense, values)
    if registers(dense) != values:
        return "registers are not read as they were written"
    write_registers(dense, bytes(REGISTERS))
    sparse = new()
    for added in range(1, 3001):
        index, rank = place(b"%d" % random.getrandbits(64))
        put(dense, index, rank, 0)
        put(sparse, index, rank, DENSE_SIZE)
        if added in {10, 100, 1000, 3000}:
            found = count(dense)
            if found != count(sparse):
                return f"sparse and dense differ at {added} elements"
            if abs(found - added) > 2 + added * 0.05:  # six standard errors of 0.81 %
                return f"{added} elements are estimated as {found}"
    return None
