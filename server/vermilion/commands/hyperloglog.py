"""The hyperloglog group: strings that count the different elements added to them, approximately."""

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import (
    ADMIN,
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    Argument,
    KeySpec,
    ReadKey,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.keyspace.value import StringValue
from vermilion.ports import Server
from vermilion.protocol.reply import OK, Reply, Status
from vermilion.session import Session
from vermilion.structures import hyperloglog


def _checked(text: bytes | bytearray) -> bytes | bytearray:
    """Return a string that is a HyperLogLog."""
    if not hyperloglog.is_sketch(text):
        raise RespError(errors.NOT_A_HYPERLOGLOG)
    return text


def _edit(db: Database, key: bytes) -> bytearray | None:
    """Return the HyperLogLog at a key, for a command that changes it."""
    held = db.edit_string(key)
    return None if held is None else _mutable(db, key, held)


def _mutable(db: Database, key: bytes, held: StringValue) -> bytearray:
    """Return a string that is a HyperLogLog in the form that is changed in place."""
    if isinstance(held, int):
        raise RespError(errors.NOT_A_HYPERLOGLOG)
    _checked(held)
    return db.edit_octets(key, held)


@command(
    "PFADD", WRITE | DENYOOM | FAST, since="2.8.9", complexity="O(1) for each element.", raw=True, arity=-2,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument("element", "string", optional=True, multiple=True),
    ],
    keys=[KeySpec(("RW", "insert"), 1)],
)  # fmt: skip
def pfadd(session: Session, argv: list[bytes]) -> int:
    """Add elements to the HyperLogLog at a key; return 1 when that changed it, 0 when not."""
    # Raw: there may be no element at all.
    db, key = session.db, argv[1]
    sketch = _edit(db, key)
    changes = 0
    if sketch is None:
        sketch = hyperloglog.new()
        db.put(key, sketch)
        changes = 1
    limit = session.server.settings.hll_sparse_max_bytes
    try:
        for element in argv[2:]:
            changes += hyperloglog.put(sketch, *hyperloglog.place(element), limit)
    except hyperloglog.CorruptError:
        raise RespError(errors.CORRUPT_HYPERLOGLOG) from None
    if not changes:
        return 0
    hyperloglog.forget(sketch)
    db.changed(key, "pfadd", changes)
    return 1


@command(
    "PFCOUNT", READONLY, since="2.8.9",
    complexity="O(1) for one key, which remembers its count; O(N) where N is the number of keys for several.",
    keys=[
        KeySpec(
            ("RW", "access"), 1, last=-1,
            notes="RW because it may change the internal representation of the key, and propagate to replicas",
        ),
    ],
)  # fmt: skip
def pfcount(db: Database, *key: ReadKey) -> int:
    """Return how many different elements were added to the HyperLogLogs at keys, approximately."""
    try:
        return _count(db, key[0]) if len(key) == 1 else hyperloglog.estimate(_union(db, key)[0])
    except hyperloglog.CorruptError:
        raise RespError(errors.CORRUPT_HYPERLOGLOG) from None


def _count(db: Database, key: bytes) -> int:
    """Return the estimate of one HyperLogLog, and write it into its header."""
    held = db.octets(key)
    if held is None:
        return 0
    estimated = hyperloglog.remembered(_checked(held))
    if estimated is None:
        estimated = hyperloglog.count(held)
        hyperloglog.remember(db.edit_octets(key, held), estimated)
        db.changed(key, "")
    return estimated


def _union(db: Database, keys: tuple[bytes, ...]) -> tuple[bytes, bool]:
    """Return the registers of the union of HyperLogLogs, and whether one of them is dense."""
    found = [_checked(held) for key in keys if (held := db.octets(key)) is not None]
    return hyperloglog.highest(found), any(map(hyperloglog.is_dense, found))


@command(
    "PFMERGE", WRITE | DENYOOM, since="2.8.9", complexity="O(N) where N is the number of keys.", raw=True, arity=-2,
    arguments=[
        Argument("destkey", "key", key_spec=0),
        Argument("sourcekey", "key", key_spec=1, optional=True, multiple=True),
    ],
    keys=[KeySpec(("RW", "access", "insert"), 1), KeySpec(("RO", "access"), 2, last=-1)],
)  # fmt: skip
def pfmerge(session: Session, argv: list[bytes]) -> Status:
    """Merge HyperLogLogs into the one at a key."""
    # Raw: there may be no source at all.
    db, key = session.db, argv[1]
    try:
        registers, dense = _union(db, tuple(argv[1:]))
    except hyperloglog.CorruptError:
        raise RespError(errors.CORRUPT_HYPERLOGLOG) from None
    sketch = _edit(db, key)
    if sketch is None:
        sketch = hyperloglog.new()
        db.put(key, sketch)
    if dense:
        hyperloglog.write_registers(sketch, registers)
    else:
        limit = session.server.settings.hll_sparse_max_bytes
        for index, value in enumerate(registers):
            if value:
                hyperloglog.put(sketch, index, value, limit)
    hyperloglog.forget(sketch)
    db.changed(key, "pfadd")
    return OK


@command(
    "PFDEBUG", WRITE | DENYOOM | ADMIN, since="2.8.9", complexity="N/A", raw=True, arity=3, doc_flags=["syscmd"],
    arguments=[Argument("subcommand", "string"), Argument("key", "key", key_spec=0)],
    keys=[KeySpec(("RW", "access"), 2)],
)  # fmt: skip
def pfdebug(session: Session, argv: list[bytes]) -> Reply:
    """Show how a HyperLogLog is kept, or write its registers out."""
    # Raw: SIMD, alone of all, takes a switch and no key.
    name, key = argv[1].upper(), argv[2]
    if name == b"SIMD":
        return _simd(key)
    sketch = _edit(session.db, key)
    if sketch is None:
        raise RespError(errors.NO_SUCH_HYPERLOGLOG)
    if name == b"ENCODING":
        return Status("dense" if hyperloglog.is_dense(sketch) else "sparse")
    if name == b"DECODE":
        if hyperloglog.is_dense(sketch):
            raise RespError(errors.HYPERLOGLOG_NOT_SPARSE)
        return hyperloglog.describe(sketch)
    if name == b"TODENSE":
        return _to_dense(session.db, key, sketch)
    if name == b"GETREG":
        _to_dense(session.db, key, sketch)
        return list[Reply](hyperloglog.registers(sketch))
    raise RespError(errors.unknown_pfdebug_call(argv[1]))


def _simd(switch: bytes) -> Status:
    """Answer as Redis does, which can do without the vector instructions that are not used here."""
    states = {b"ON": "enabled", b"OFF": "disabled"}
    if switch.upper() not in states:
        raise RespError(errors.NOT_ON_OR_OFF)
    return Status(states[switch.upper()])


def _to_dense(db: Database, key: bytes, sketch: bytearray) -> int:
    """Write the registers of a HyperLogLog out; return 1 when they were not, 0 when they were."""
    if hyperloglog.is_dense(sketch):
        return 0
    try:
        hyperloglog.make_dense(sketch)
    except hyperloglog.CorruptError:
        raise RespError(errors.CORRUPT_HYPERLOGLOG) from None
    db.changed(key, "")
    return 1


@command("PFSELFTEST", ADMIN, since="2.8.9", complexity="N/A", doc_flags=["syscmd"])
def pfselftest(server: Server) -> Status:
    """Check the arithmetic of HyperLogLogs."""
    fault = hyperloglog.self_test(server.random)
    if fault is not None:
        raise RespError(errors.self_test_failed(fault))
    return OK
