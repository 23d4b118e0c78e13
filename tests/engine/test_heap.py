"""Memory in use: what the allocators have handed out, of what the process keeps."""

import subprocess
import sys

import pytest

from vermilion.engine.heap import Heap

MB = 1 << 20
GLIBC = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc's books")


# In a process of its own: the holes that other tests have left would be filled first.
FILL_AND_EMPTY = """
import sys
from vermilion.engine.heap import Heap

size, heap = int(sys.argv[1]), Heap()
before = heap.used(heap.private())
values = [bytes([number % 256]) * size for number in range(30 * 2**20 // size)]
full = heap.used(heap.private())
del values[::2]
print(before, full, heap.used(heap.private()))
"""


@GLIBC
@pytest.mark.parametrize("size", [50, 900, 5000, 500_000])
def test_holes_are_not_in_use(size: int) -> None:
    said = subprocess.run([sys.executable, "-c", FILL_AND_EMPTY, str(size)], capture_output=True, check=True)
    before, full, half = map(int, said.stdout.split())
    assert 25 * MB < full - before < 80 * MB
    assert 10 * MB < full - half < 40 * MB


def test_never_more_than_is_resident() -> None:
    heap = Heap()
    assert 0 < heap.used(5 * MB) <= 5 * MB


def test_without_books_all_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    heap = Heap()
    assert heap.used(12_345) == 12_345
    heap.trim()


def test_trimming_does_no_harm() -> None:
    Heap().trim()
