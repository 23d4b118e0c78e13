"""Vector sets as RDB has them: what Redis 8.0.6 wrote, what it was given and took, and what it refused."""

from collections.abc import Sequence
from random import Random
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb import payload
from vermilion.rdb.crc64 import crc64
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.rdb.value import read_value
from vermilion.rdb.vector_set import MODULE, OtherModuleError, written
from vermilion.settings import Settings
from vermilion.structures import vectors
from vermilion.structures.vector_set import VectorSet
from vermilion.structures.vectors import BIN, F32, INT8, PlainTable, Quantization, floats

LIMITS = Settings()

# DUMP of Redis 8.0.6, of vector sets with all there is: attributes, a name that is an integer, removed elements,
# elements with a new vector, layers, a projection.
F32_ = bytes.fromhex(
    "0781bde72da2bb1eb40002030203025000020205c00c05c3091e017878e01100017878050c00000000000000000000803f020e02030280"
    "01000002020202200202020102813e4af9380000000102000210020002000210020002813f4ccccd3f8000000501620500050c04ec9fbe"
    "04ec1f3e05e26f3f02080202028001000000020202200201020302813e7ea9cc0000000002813f3504f3404ce66505016105077b226e22"
    "3a317d050c77d6883e77d6083fb2414d3f02080201028001000000020202200202020302813e7ea9cc0000000002813f47e704406f7751"
    "000c009f4cb94e1b8d5a38"
)
INT8_ = bytes.fromhex(
    "0781bde72da2bb1eb4000204020c024401020005036531310504811c38c80208020c028001000000020202080203020702813e6a921c00"
    "00000102813f55013f412d11040503653130050481a15f000208020b028001000000020202080207020502813f13540e0000000102813f"
    "2f9d5440ba972805026539050410d07fd00208020a028001000000020202080206020102813e8ec2280000000102813f60cc164111c456"
    "050265380504a1818100020902090280010000000203020802080205020302813f9f41260000000202813f1fec0440cce6650502653705"
    "04b98181d6020a020802800100000002040208020502020207020902813f2da6500000000202813f2492494160000005026536050481a5"
    "5ba5020c0207028001000000020602080206020302050208020b020c02813f4af5a50000000202813f20ed2541322b20050265350504e0"
    "815f81020a020602800100000002040208020102050207020a02813f4e355c0000000102813f1e01b340cf623a050265340504e481d638"
    "020d020502800100000002070208020202030206020702080209020b02813fab3c030000000102813f5bad834127cf360502653305042a"
    "71ab7f02080204028001000000020202080202020302813fba1b8a0000000102813f272654415c8b77050265320504812a7fd6020d0203"
    "02800100000002070208020102020204020502070209020c02813fe53d730000000102813f2bbae2410f1bbd0502653105044fe081c002"
    "0b0202028001000000020502080201020302040205020802813fe53d730000000102813f4429af41270b7f050265300504f21c6381020d"
    "020102800100000102040208020202030206020a02813f9e5e250000000002000204020002813f464bf84139e738000c00f1d1970557b0"
    "11cb"
)
BIN_ = bytes.fromhex(
    "0781bde72da2bb1eb40002404602040250020200050265300510b001118aa50f1b91230000000000000002090206028001000000020302"
    "2002030202020402813f9249250000000202813f464bf8423936a1050265330510c5ebe7a8fb3aaa243400000000000000020c02040280"
    "010000010203022002020203020602813f9249250000000202000210020002813f2726544234aa5a050265320510eaee65ba3004d54b2b"
    "00000000000000020902030280010000000203022002020204020602813f8ea0ea0000000102813f2bbae242266bd1050265310510d398"
    "32e9339bde2c3500000000000000020902020280010000000203022002030204020602813f8af8b00000000002813f4429af423332be00"
    "0c004c40cebc99be05c1"
)
REDUCED = bytes.fromhex(
    "0781bde72da2bb1eb400020302030250010203020505c3183c042ef9e43e2ee00d0300bea017c007c027400f200301e43e05016305c001"
    "050300007f020b0203028001000001020202200202020102813f70388a0000000102000210020002813f8000003f64f92e05016205c001"
    "05037f192a02080202028001000000020202200201020302813f3117480000000102813f6e9b2240e64fa405016105c00105037f190802"
    "080201028001000000020202200202020302813f70388a0000000102813f7a7e7540db6185000c0076c04dceee5c32ec"
)

OURS = bytes.fromhex(
    "0781bde72da2bb1eb40002030203025002020005016305080000000000000000020d0203028001000001020202200202020102813faaaa"
    "ab00000000020202100202020102813faaaaab0000000002803fddb3d705016205080600000000000000020d0202028001000001020202"
    "200201020302813faaaaab00000000020202100201020302813faaaaab000000000280406f775105016105080500000000000000020d02"
    "01028001000001020202200202020302813faaaaab00000000020202100202020302813faaaaab000000000280406f7751000c00f37f82"
    "552fe555e3"
)

"""What we made of a vector set, and Redis 8.0.6 took: the corpus has what it said of it (vector-set/dump)."""


def read(data: bytes) -> VectorSet:
    value = payload.restore(data, LIMITS)
    assert isinstance(value, VectorSet)
    return value


@pytest.fixture(params=["numpy", "plain"])
def without_numpy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr("vermilion.structures.vector_set.table", PlainTable)


# What Redis wrote -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "quantization", "dimensions", "input_dimensions", "links", "numbers"),
    [
        (F32_, F32, 3, 0, 16, {b"a": 1, b"b": 2, b"12": 3}),
        (INT8_, INT8, 4, 0, 4, {b"e%d" % number: number + 1 for number in range(12)}),
        (BIN_, BIN, 70, 0, 16, {b"e1": 2, b"e2": 3, b"e3": 4, b"e0": 6}),
        (REDUCED, INT8, 3, 5, 16, {b"a": 1, b"b": 2, b"c": 3}),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("without_numpy")
def test_what_redis_wrote(
    data: bytes,
    quantization: Quantization,
    dimensions: int,
    input_dimensions: int,
    links: int,
    numbers: dict[bytes, int],
) -> None:
    found = read(data)
    assert (found.dimensions, found.quantization, found.links) == (dimensions, quantization, links)
    assert (found.input_dimensions, found.matrix) == (input_dimensions, None)
    assert {node.element: node.number for node in found.nodes()} == numbers
    assert list(numbers) == [node.element for node in found.nodes()]
    assert found.added == max(numbers.values())
    again = read(payload.dump(found))
    assert list(again.nodes()) == list(found.nodes())
    assert again.attributes == found.attributes


def test_vectors_are_those_that_were_given() -> None:
    found = read(F32_)
    assert found.vector(b"a") == pytest.approx([1, 2, 3], abs=1e-6)
    assert found.packed(b"b") == F32.pack([-1, 0.5, 3])
    assert found.attributes == {b"a": b'{"n":1}', b"12": b"x" * 30}
    projected = read(REDUCED)
    assert projected.packed(b"b") == INT8.pack(vectors.projected([5, 4, 3, 2, 1], 3))
    assert projected.attributes == dict.fromkeys((b"a", b"b", b"c"), b"1")


# What we write --------------------------------------------------------------------------------------------


def small() -> VectorSet:
    made = VectorSet(3, BIN)
    for element, vector in ((b"a", (1, -2, 3)), (b"b", (-1, 2, 3)), (b"c", (-1, -1, -1))):
        made.add(element, vector, Random(1))
    return made


@pytest.mark.usefixtures("without_numpy")
def test_what_redis_took() -> None:
    assert payload.dump(small()) == OURS


vectors_of_four = st.lists(st.floats(-1e3, 1e3, width=32), min_size=4, max_size=4)


@given(
    st.sampled_from([F32, INT8, BIN]), st.sampled_from([4, 16, 4096]),
    st.dictionaries(st.binary(max_size=30), st.tuples(vectors_of_four, st.binary(max_size=40)), min_size=1),
    st.integers(0, 5), st.integers(0, 3),
)  # fmt: skip
def test_there_and_back_again(
    quantization: Quantization,
    links: int,
    elements: dict[bytes, tuple[list[float], bytes]],
    removed: int,
    matrix: int,
) -> None:
    made = VectorSet(4, quantization, links)
    if matrix:
        made.input_dimensions = matrix
        made.matrix = floats(range(4 * matrix)) if matrix > 1 else None
    for element, (vector, attribute) in elements.items():
        made.add(element, vector, Random(3))
        made.describe(element, attribute)
    for element in list(elements)[: min(removed, len(elements) - 1)]:
        made.remove(element)
    found = read(payload.dump(made))
    assert sorted(found.nodes()) == sorted(made.nodes())
    assert (found.attributes, found.matrix) == (made.attributes, made.matrix)
    assert (found.dimensions, found.input_dimensions, found.links) == (4, matrix, links)
    assert payload.dump(found) == payload.dump(read(payload.dump(found)))


def test_a_large_one_is_written_in_steps() -> None:
    made = VectorSet(2, INT8)
    random = Random(5)
    for number in range(3000):
        made.add(b"%d" % number, [random.random(), random.random()], random)
    out = Writer(payload.COMPRESSIBLE)
    assert sum(1 for _ in written(made, out)) > 20
    data = payload.seal(out)
    assert data == payload.dump(made)
    assert sorted(read(data).nodes()) == sorted(made.nodes())


# Payloads made by hand ------------------------------------------------------------------------------------


def integer(number: int) -> bytes:
    out = Writer()
    out.length(2)
    out.length(number)
    return out.data()


def string(text: bytes) -> bytes:
    out = Writer()
    out.length(5)
    out.length(len(text))
    return out.data() + text


def sealed(body: bytes) -> bytes:
    body += payload.VERSION.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def node(integers: Sequence[int], name: bytes = b"a", data: bytes = b"\x5f\x7f") -> bytes:
    """An element: its name, its vector and its integers."""
    return string(name) + string(data) + integer(len(integers)) + b"".join(map(integer, integers))


def numbered(
    number: int, links: Sequence[int] = (), *, room: int = 32, worst: int = 0, level: int = 1 << 24
) -> list[int]:
    """The integers of an element in layer 0."""
    return [number, level, len(links), room, *links, worst, int.from_bytes(pack("<2f", 5, 0.8), "little")]


def tall(level: int) -> list[int]:
    """The integers of an element in so many layers above the lowest one."""
    return [1, 1 << 24 | level, *[0, 16, 0] * (level + 1), 0]


def made_of(  # one for each word
    *nodes: bytes, dimensions: int = 2, count: int | None = None, kind: int = 1 | 16 << 8, flags: int = 0,
    matrix: bytes = b"", module: int = MODULE, end: bytes = b"\0",
) -> bytes:  # fmt: skip
    """A payload."""
    head = Writer()
    head.raw(b"\x07")
    head.length(module)
    words = (dimensions, len(nodes) if count is None else count, kind, flags)
    return sealed(head.data() + b"".join(map(integer, words)) + matrix + b"".join(nodes) + end)


ONE = node(numbered(1))
MATRIX = integer(3) + string(pack("<6f", *range(6)))


def test_what_is_in_order() -> None:
    found = read(made_of(node(numbered(7, [9])), node(numbered(9, [7]), b"b")))
    assert [(entry.element, entry.number) for entry in found.nodes()] == [(b"a", 7), (b"b", 9)]
    packed = found.packed(b"a")
    assert packed is not None
    assert (packed.data, packed.norm) == (b"\x5f\x7f", 5.0)
    assert packed.range == pytest.approx(0.8)
    assert read(made_of(node(tall(16)))).highest_level == 16
    assert read(made_of(ONE, flags=1, matrix=MATRIX)).project([1, 1, 1]) == floats([3, 12])


HUGE = 1 << 62


@pytest.mark.parametrize(
    "data",
    [
        made_of(count=0), made_of(ONE, count=0), made_of(ONE, count=2), made_of(ONE, count=HUGE),
        made_of(ONE, end=b""), made_of(ONE, end=integer(1)),
        made_of(ONE, dimensions=0), made_of(ONE, dimensions=3), made_of(ONE, dimensions=(1 << 32) + 2),
        made_of(node(numbered(1), data=b""), dimensions=0),
        made_of(ONE, kind=3 | 16 << 8), made_of(ONE, kind=1 | 3 << 8), made_of(ONE, kind=1 | 4097 << 8),
        made_of(ONE, kind=HUGE), made_of(ONE, flags=4), made_of(ONE, flags=2), made_of(ONE, flags=1),
        made_of(ONE, flags=1, matrix=integer(3) + string(bytes(20))),
        made_of(ONE, flags=1, matrix=integer(3) + string(bytes(28))),
        made_of(ONE, flags=1, matrix=integer(0) + string(b"")),
        made_of(ONE, flags=1, matrix=integer(HUGE) + string(b"")),
        made_of(ONE, flags=1, matrix=integer(HUGE) + string(b""), dimensions=HUGE),
        made_of(ONE, module=MODULE + 1), made_of(ONE, module=0),
        made_of(node([])), made_of(node([1, 1 << 24])), made_of(node([1, 1 << 24, 0, 32])),
        made_of(node([*numbered(1), 0])), made_of(node([1, 1 << 24, HUGE, HUGE, 0, 0])),
        made_of(string(b"a") + string(b"ab") + integer(HUGE)),
        made_of(node(numbered(0))), made_of(node(numbered(HUGE))), made_of(node(numbered((1 << 64) - 1))),
        made_of(node(numbered(1, level=0))), made_of(node(numbered(1, level=2 << 24))),
        made_of(node(numbered(1, level=1 << 24 | 1))), made_of(node(numbered(1, level=1 << 24 | 256))),
        made_of(node(tall(17))),
        made_of(node(numbered(1, [1]))), made_of(node(numbered(1, [2]))),
        made_of(node(numbered(1, [2])), node(numbered(2), b"b")),
        made_of(node(numbered(1, [2, 2])), node(numbered(2, [1, 1]), b"b")),
        made_of(node(numbered(1, [2], room=0)), node(numbered(2, [1]), b"b")),
        made_of(node(numbered(1, [2], worst=1)), node(numbered(2, [1]), b"b")),
        made_of(node(numbered(1)), node(numbered(1), b"b")), made_of(node(numbered(1)), node(numbered(2))),
        made_of(integer(7) + string(b"ab") + integer(0)), made_of(string(b"a") + integer(7)),
    ],
)  # fmt: skip
def test_what_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        payload.restore(data, LIMITS)


def test_the_name_of_another_module() -> None:
    with pytest.raises(OtherModuleError, match="of the module vectorset, version 1"):
        payload.restore(made_of(ONE, module=MODULE + 1), LIMITS)


@pytest.mark.parametrize("whole", [F32_, INT8_, BIN_, REDUCED, OURS])
def test_every_part_is_missed(whole: bytes) -> None:
    for size in range(len(whole) - 10):
        with pytest.raises(FormatError):
            read_value(Reader(whole[:size]), LIMITS)
