"""The vector set commands, which a module has in Redis: elements found by how near their vectors are."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, NamedTuple

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import (
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    AccessUpdateKey,
    KeySpec,
    Kind,
    Token,
    Value,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.numbers import parse_double, parse_int64
from vermilion.protocol.reply import NULL_ARRAY, Reply, Status
from vermilion.session import Session
from vermilion.structures.filter_expression import FilterError, FilterExpression
from vermilion.structures.vector_set import DEFAULT_LINKS, Similar, VectorSet
from vermilion.structures.vectors import BIN, F32, INT8, Quantization, floats, from_bytes
from vermilion.version import REDIS_MODULE

_KEYS: Final = (KeySpec(("RW", "access", "update"), 1),)
_SEARCH_COST: Final = "O(N) where N is the number of elements: every vector is compared."

_QUANTIZATIONS: Final = {b"NOQUANT": F32, b"Q8": INT8, b"BIN": BIN}

_MOST_DIMENSIONS: Final = 1 << 16
"""Into how many a vector may be projected: the word that asks for them is shorter than they are."""

_MOST_CELLS: Final = 1 << 26
"""How large the matrix may be that projects them, which Redis keeps, and DUMP writes here, too: 256 MB."""

_MOST_STEPS: Final = 5_000_000
"""How many steps of a filter one call may take: some seconds."""

_LONGEST_FILTER: Final = 1 << 16
"""Reading a filter takes Python some microseconds for each byte at worst, while all clients wait."""

_MOST_CHOICES: Final = 1 << 24
"""How many elements, with repetitions, one reply may have."""


def _within(word: bytes, least: int, most: int | None, error: str) -> int:
    """Return the integer that an option is given."""
    number = parse_int64(word)
    if number is None or number < least or (most is not None and number > most):
        raise RespError(error)
    return number


def _vector(words: Sequence[bytes], at: int) -> tuple[Sequence[float], int]:
    """Read a vector that begins at a place of a call; return it, and the place behind it."""
    form = words[at].upper()
    if form == b"FP32" and at + 1 < len(words):
        data = words[at + 1]
        if data and not len(data) % 4:
            return from_bytes(data), at + 2
    elif form == b"VALUES" and at + 1 < len(words):
        count = parse_int64(words[at + 1])
        end = at + 2 + (count or 0)
        if count is not None and count > 0 and end <= len(words):
            values = [parse_double(word) for word in words[at + 2 : end]]
            numbers = [value for value in values if value is not None]
            if len(numbers) == count:
                return floats(numbers), end
    raise RespError(errors.INVALID_VECTOR)


# Adding ---------------------------------------------------------------------------------------------------


class _Addition(NamedTuple):
    """What VADD is asked for."""

    vector: Sequence[float]
    element: bytes
    reduced: int
    """Into how many dimensions the vector is projected, 0 for none."""
    quantization: Quantization
    links: int
    attribute: bytes | None


def _addition(argv: Sequence[bytes]) -> _Addition:
    """Read a call of VADD."""
    if len(argv) < 5:
        raise RespError(errors.wrong_arity("VADD"))
    at, reduced = 2, 0
    if argv[2].upper() == b"REDUCE":
        reduced = _within(argv[3], 1, _MOST_DIMENSIONS, errors.INVALID_VECTOR)
        at = 4
    vector, at = _vector(argv, at)
    if at >= len(argv):
        raise RespError(errors.wrong_arity("VADD"))
    if reduced * len(vector) > _MOST_CELLS:
        raise RespError(errors.INVALID_VECTOR)
    element = argv[at]
    quantization, links, attribute = INT8, DEFAULT_LINKS, None
    words = iter(argv[at + 1 :])
    for word in map(bytes.upper, words):
        if word in _QUANTIZATIONS:
            quantization = _QUANTIZATIONS[word]
        elif word == b"CAS":
            pass  # asks for the search for neighbours to run aside; there is none
        elif word == b"EF" and (operand := next(words, None)) is not None:
            _within(operand, 1, 1_000_000, errors.INVALID_EFFORT)
        elif word == b"M" and (operand := next(words, None)) is not None:
            links = _within(operand, 4, 4096, errors.INVALID_LINKS)
        elif word == b"SETATTR" and (operand := next(words, None)) is not None:
            attribute = operand
        else:
            raise RespError(errors.INVALID_OPTION_AFTER_ELEMENT)
    return _Addition(vector, element, reduced, quantization, links, attribute)


def _check_fit(held: VectorSet, asked: _Addition) -> None:
    """Refuse a vector that a vector set cannot take."""
    if asked.quantization is not held.quantization:
        raise RespError(errors.QUANTIZATION_MISMATCH)
    if asked.links != held.links:
        raise RespError(errors.LINKS_MISMATCH)
    size = len(asked.vector)
    if held.input_dimensions:
        if asked.reduced != held.dimensions:
            raise RespError(errors.dimension_mismatch(size, held.dimensions))
        if size != held.input_dimensions:
            raise RespError(errors.input_dimension_mismatch(size, held.input_dimensions))
    elif size != held.dimensions:
        raise RespError(errors.dimension_mismatch(size, held.dimensions))
    elif asked.reduced:
        raise RespError(errors.NO_PROJECTION)


@command(
    "VADD", WRITE | DENYOOM, since="8.0.0", module=REDIS_MODULE, raw=True, arity=-1, keys=_KEYS,
    complexity="O(D) where D is the number of dimensions.",
)  # fmt: skip
def vadd(session: Session, argv: list[bytes]) -> bool:
    """Add an element with its vector, or give it another one; return whether it is new."""
    # Raw, as VSIM: how many words a vector is stands in front of it, and the options behind the element.
    asked = _addition(argv)
    db, key = session.db, argv[1]
    held = db.edit(key, VectorSet)
    if held is None:
        held = VectorSet(
            asked.reduced or len(asked.vector),
            asked.quantization,
            asked.links,
            input_dimensions=len(asked.vector) if asked.reduced else 0,
            uid=db.stats.next_vector_set(),
        )
        db.put(key, held)
    else:
        _check_fit(held, asked)
    vector = held.project(asked.vector) if asked.reduced else asked.vector
    new = held.add(asked.element, vector, db.random)
    if asked.attribute is not None:
        held.describe(
            asked.element, asked.attribute, keep_empty=new
        )  # as Redis: only VADD makes an empty one
    # Redis does not count another vector for an old element as a change; then a journal would lack it.
    db.changed(key, "")
    return new


@command(
    "VREM", WRITE, since="8.0.0", module=REDIS_MODULE, complexity="O(D) where D is the number of dimensions."
)
def vrem(db: Database, key: AccessUpdateKey, element: Value) -> bool:
    """Remove an element; return whether it was there."""
    held = db.edit(key, VectorSet)
    if held is None:
        return False
    found = held.remove(element)
    if not held:
        db.remove(key)
    # A module marks a key as changed by opening it: who watches or caches it is told, found or not.
    db.changed(key, "", int(found))
    return found


@command("VSETATTR", WRITE | FAST, since="8.0.0", module=REDIS_MODULE, complexity="O(1)")
def vsetattr(db: Database, key: AccessUpdateKey, element: Value, json: Value) -> bool:
    """Give an element an attribute, or take it away with an empty one; return whether there is the element."""
    held = db.edit(key, VectorSet)
    if held is None:
        return False
    found = held.describe(element, json)
    db.changed(key, "", int(found))  # as VREM
    return found


# Asking about elements ------------------------------------------------------------------------------------


@command("VCARD", READONLY | FAST, since="8.0.0", module=REDIS_MODULE, complexity="O(1)")
def vcard(db: Database, key: AccessUpdateKey) -> int:
    """Return how many elements there are."""
    held = db.find(key, VectorSet)
    return 0 if held is None else len(held)


@command("VDIM", READONLY | FAST, since="8.0.0", module=REDIS_MODULE, complexity="O(1)")
def vdim(db: Database, key: AccessUpdateKey) -> int:
    """Return how many dimensions the vectors have as they are kept."""
    held = db.find(key, VectorSet)
    if held is None:
        raise RespError(errors.NO_VECTOR_SET)
    return held.dimensions


@command(
    "VEMB", READONLY | FAST, since="8.0.0", module=REDIS_MODULE,
    complexity="O(D) where D is the number of dimensions.",
    unknown_option=lambda _: errors.INVALID_VECTOR_OPTION,
)  # fmt: skip
def vemb(
    db: Database, key: AccessUpdateKey, element: Value, *, raw: Annotated[bool, Token("RAW")] = False
) -> list[Reply] | None:
    """Return about the vector of an element, or how it is kept; nil when it is not there."""
    held = db.find(key, VectorSet)
    packed = None if held is None else held.packed(element)
    if held is None or packed is None:
        return None
    if not raw:
        return list[Reply](held.quantization.unpack(packed, held.dimensions))
    shown: list[Reply] = [Status(held.quantization.name), packed.data, packed.norm]
    return [*shown, packed.range] if held.quantization is INT8 else shown


@command("VGETATTR", READONLY | FAST, since="8.0.0", module=REDIS_MODULE, complexity="O(1)")
def vgetattr(db: Database, key: AccessUpdateKey, element: Value) -> bytes | None:
    """Return the attribute of an element, nil when there is none."""
    held = db.find(key, VectorSet)
    return None if held is None else held.attributes.get(element)


@command("VISMEMBER", READONLY, since="8.0.0", module=REDIS_MODULE, complexity="O(1)")
def vismember(db: Database, key: AccessUpdateKey, element: Value) -> bool:
    """Return whether there is such an element."""
    held = db.find(key, VectorSet)
    return held is not None and element in held


@command(
    "VINFO",
    READONLY | FAST,
    since="8.0.0",
    module=REDIS_MODULE,
    complexity="O(N), by looking through the levels.",
)
def vinfo(db: Database, key: AccessUpdateKey) -> Reply:
    """Return how a vector set is kept, nil when there is none."""
    held = db.find(key, VectorSet)
    if held is None:
        return NULL_ARRAY
    facts: dict[str, Reply] = {
        "quant-type": Status(held.quantization.name),
        "hnsw-m": held.links,
        "vector-dim": held.dimensions,
        "projection-input-dim": held.input_dimensions,
        "size": len(held),
        "max-level": held.highest_level,
        "attributes-count": len(held.attributes),
        "vset-uid": held.uid,
        "hnsw-max-node-uid": held.added,
    }
    return {Status(name): fact for name, fact in facts.items()}


@command(
    "VLINKS", READONLY | FAST, since="8.0.0", module=REDIS_MODULE, raw=True, arity=-1, keys=_KEYS,
    complexity=_SEARCH_COST,
)  # fmt: skip
def vlinks(session: Session, argv: list[bytes]) -> list[Reply] | None:
    """Return the nearest neighbours of an element in each layer that it is in, nil when it is not there."""
    # Raw: another word than WITHSCORES is an argument too many.
    scored = len(argv) == 4 and argv[3].upper() == b"WITHSCORES"
    if len(argv) != 3 + scored:
        raise RespError(errors.wrong_arity("VLINKS"))
    held = session.db.find(argv[1], VectorSet)
    layers = None if held is None else held.neighbours(argv[2])
    if layers is None:
        return None
    if scored:
        return [{found.element: found.score for found in layer} for layer in layers]
    return [[found.element for found in layer] for layer in layers]


_CHOSEN: Final = Kind("integer", parse_int64, errors.RANDOM_COUNT_NOT_AN_INTEGER)


@command(
    "VRANDMEMBER",
    READONLY,
    since="8.0.0",
    module=REDIS_MODULE,
    complexity="O(N) where N is the number of elements.",
)
def vrandmember(db: Database, key: AccessUpdateKey, count: Annotated[int | None, _CHOSEN] = None) -> Reply:
    """Return an element by chance, or several; a negative count allows repetitions."""
    held = db.find(key, VectorSet)
    if count is None:
        return None if held is None else held.pick(db.random)
    if held is None:
        return []
    if count >= 0:
        return list[Reply](held.sample(count, db.random))
    if -count > _MOST_CHOICES:
        raise RespError(errors.OUT_OF_RANGE)
    return list[Reply](held.choices(-count, db.random))


# Searching ------------------------------------------------------------------------------------------------


class _Query(NamedTuple):
    """The options of VSIM."""

    most: int
    scored: bool
    described: bool
    epsilon: float
    expression: FilterExpression | None
    effort: int
    """How many of the nearest elements the expression is asked of, at most."""


def _query(options: Sequence[bytes]) -> _Query:
    """Read the options of VSIM, each judged before the next is read."""
    most, effort, epsilon = 10, 0, 2.0
    expression: FilterExpression | None = None
    flags: set[bytes] = set()
    words = iter(options)
    for word in map(bytes.upper, words):
        # TRUTH asks for an exact search, which every one is, and NOTHREAD for one in the main thread, likewise.
        if word in {b"WITHSCORES", b"WITHATTRIBS", b"TRUTH", b"NOTHREAD"}:
            flags.add(word)
        elif (operand := next(words, None)) is None:
            raise RespError(errors.VSIM_SYNTAX)
        elif word == b"COUNT":
            most = _within(operand, 1, None, errors.INVALID_SIMILAR_COUNT)
        elif word == b"EF":
            _within(operand, 1, None, errors.INVALID_EFFORT)
        elif word == b"FILTER-EF":
            effort = _within(operand, 1, None, errors.INVALID_FILTER_EFFORT)
        elif word == b"EPSILON":
            distance = parse_double(operand)
            if distance is None or distance <= 0:
                raise RespError(errors.INVALID_EPSILON)
            epsilon = distance
        elif word == b"FILTER":
            if len(operand) > _LONGEST_FILTER:
                raise RespError(errors.FILTER_TOO_LONG)
            try:
                expression = FilterExpression(operand)
            except FilterError as error:
                raise RespError(errors.filter_syntax(error.near)) from None
        else:
            raise RespError(errors.VSIM_SYNTAX)
    if expression is not None:
        effort = min(effort or 100 * most, max(1, _MOST_STEPS // len(expression)))
    return _Query(most, b"WITHSCORES" in flags, b"WITHATTRIBS" in flags, epsilon, expression, effort)


def _centre(held: VectorSet, argv: Sequence[bytes]) -> tuple[Sequence[float], int]:
    """Return the vector whose neighbours a call of VSIM asks for, and the place of its options."""
    if argv[2].upper() == b"ELE":
        known = held.vector(argv[3])
        if known is None:
            raise RespError(errors.NO_SUCH_ELEMENT)
        return known, 4
    vector, at = _vector(argv, 2)
    if len(vector) == held.dimensions:
        return vector, at
    if not held.input_dimensions:
        raise RespError(errors.dimension_mismatch(len(vector), held.dimensions))
    if len(vector) != held.input_dimensions:
        raise RespError(errors.input_dimension_mismatch(len(vector), held.input_dimensions))
    return held.project(vector), at


def _found(held: VectorSet, vector: Sequence[float], query: _Query) -> Iterator[Similar]:
    """Yield what a search finds, the nearest first."""
    left = query.most
    for found in held.search(vector, query.effort if query.expression is not None else query.most):
        if not left or 1 - found.score > query.epsilon:
            return
        if query.expression is not None:
            attribute = held.attributes.get(found.element)
            if attribute is None or not query.expression.matches(attribute):
                continue
        left -= 1
        yield found


@command(
    "VSIM", READONLY, since="8.0.0", module=REDIS_MODULE, raw=True, arity=-1, keys=_KEYS, complexity=_SEARCH_COST,
)  # fmt: skip
def vsim(session: Session, argv: list[bytes]) -> Reply:
    """Return the elements whose vectors are nearest to a vector, or to an element's."""
    # Raw: nothing but the number of words is judged where there is no key.
    if len(argv) < 4:
        raise RespError(errors.wrong_arity("VSIM"))
    held = session.db.find(argv[1], VectorSet)
    if held is None:
        return []
    vector, at = _centre(held, argv)
    query = _query(argv[at:])
    found = _found(held, vector, query)
    attributes = held.attributes
    if query.scored and query.described:
        scored: list[tuple[bytes, list[Reply]]] = [
            (similar.element, [similar.score, attributes.get(similar.element)]) for similar in found
        ]
        if session.resp == 2:
            return [item for element, facts in scored for item in (element, *facts)]
        return dict(scored)
    if query.scored:
        return {similar.element: similar.score for similar in found}
    if query.described:
        return {similar.element: attributes.get(similar.element) for similar in found}
    return [similar.element for similar in found]
