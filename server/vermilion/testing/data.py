"""Keys and values as Python's own, and as JSON that people can read: what `load` takes and `dump` gives.

    "text"  7  1.5                              a string
    ["a", "b"]                                  a list
    {"field": "value"}                          a hash
    {"$set": [...]}, or a Python set            a set
    {"$zset": {"member": 1.5}}                  a sorted set
    {"$stream": [["1-1", {"field": "value"}]]}  a stream
    {"$rdb": "base64"}                          any value, as DUMP gives it

`$string`, `$list` and `$hash` spell the plain forms out, where there is more to say: `$expires_at` (a time, or
milliseconds since the epoch) or `$ttl` (seconds), and `$field_expires_at` for the fields of a hash.

Text is UTF-8; other bytes are `$base64:...`, and text that begins with that has one more `$` in front. Names of keys
and fields, members and values are all written like this. Databases other than 0 are under the key `$databases`.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from vermilion.errors import RespError
from vermilion.testing.clock import epoch_ns

Call = Callable[..., Any]
"""Makes one call on an instance, and returns its plain reply."""

DATABASES: Final = "$databases"
"""Where the keys of databases other than 0 are, by number."""

_BASE64: Final = "$base64:"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORMS: Final = frozenset({"$string", "$list", "$set", "$hash", "$zset", "$stream", "$rdb"})
_NOTES: Final = frozenset({"$expires_at", "$ttl", "$field_expires_at"})


# Text -----------------------------------------------------------------------------------------------------


def written(data: bytes) -> str:
    r"""Return bytes as text.

    Example:
        >>> written(b"caf\xc3\xa9"), written(b"\xff"), written(b"$base64:")
        ('café', '$base64:/w==', '$$base64:')
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _BASE64 + b64encode(data).decode()
    return f"${text}" if text.lstrip("$").startswith(_BASE64[1:]) and text.startswith("$") else text


def read(value: object) -> bytes:
    r"""Return the bytes that a text, or a plain value, stands for.

    Raises:
        TypeError: for what is no string, no number and no bytes.

    Example:
        >>> read("$base64:/w=="), read("$$base64:"), read("$5"), read(1.5), read(b"\xff")
        (b'\xff', b'$base64:', b'$5', b'1.5', b'\xff')
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        if value.startswith(_BASE64):
            return b64decode(value[len(_BASE64) :], validate=True)
        return (
            value[1:] if value.startswith("$$") and value.lstrip("$").startswith(_BASE64[1:]) else value
        ).encode()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value).encode()
    kind = "None" if value is None else type(value).__name__
    raise TypeError(f"{kind} cannot be a value: give text, bytes or a number")


# Dumping --------------------------------------------------------------------------------------------------


def dumped(call: Call) -> dict[str, Any]:
    """Return all keys of the selected database, in order of their names.

    Args:
        call: makes calls there.
    """
    keys = sorted(call(b"KEYS", b"*"))
    return {_name(key): _dumped_value(call, key) for key in keys if call(b"EXISTS", key)}


def _name(key: bytes) -> str:
    """Return the name of a key as text, which is no word of the form itself."""
    name = written(key)
    return _BASE64 + b64encode(key).decode() if name == DATABASES else name


def _dumped_value(call: Call, key: bytes) -> Any:
    """Return one value, with its time to live."""
    form, value = _FORMS_OF[call(b"TYPE", key).text](call, key)
    notes: dict[str, Any] = {}
    deadline = call(b"PEXPIRETIME", key)
    if deadline >= 0:
        notes["$expires_at"] = _time(deadline)
    if form == "$hash":
        fields = call(b"HKEYS", key)
        times = call(b"HPEXPIRETIME", key, b"FIELDS", str(len(fields)).encode(), *fields)
        expiring = {
            written(field): _time(when) for field, when in zip(fields, times, strict=True) if when >= 0
        }
        if expiring:
            notes["$field_expires_at"] = expiring
    plain = form in {"$string", "$list", "$hash"}
    if not plain or notes or (form == "$hash" and any(field.startswith("$") for field in value)):
        return {form: value, **notes}
    return value


def _dumped_string(call: Call, key: bytes) -> tuple[str, Any]:
    return "$string", written(call(b"GET", key))


def _dumped_list(call: Call, key: bytes) -> tuple[str, Any]:
    return "$list", [written(element) for element in call(b"LRANGE", key, b"0", b"-1")]


def _dumped_set(call: Call, key: bytes) -> tuple[str, Any]:
    return "$set", sorted(written(member) for member in call(b"SMEMBERS", key))


def _dumped_hash(call: Call, key: bytes) -> tuple[str, Any]:
    return "$hash", {written(field): written(value) for field, value in sorted(call(b"HGETALL", key).items())}


def _dumped_zset(call: Call, key: bytes) -> tuple[str, Any]:
    members = call(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES")
    return "$zset", {written(member): _number(score) for member, score in members}


def _dumped_stream(call: Call, key: bytes) -> tuple[str, Any]:
    """Return the entries where these are all there is to a stream, else its payload."""
    about = call(b"XINFO", b"STREAM", key)
    entries = call(b"XRANGE", key, b"-", b"+")
    last = entries[-1][0] if entries else None
    added, deleted = about[b"entries-added"], about[b"max-deleted-entry-id"]
    if about[b"groups"] or about[b"last-generated-id"] != last or added != len(entries) or deleted != b"0-0":
        return _dumped_payload(call, key)
    return "$stream", [[written(name), _pairs(fields)] for name, fields in entries]


def _dumped_payload(call: Call, key: bytes) -> tuple[str, Any]:
    return "$rdb", b64encode(call(b"DUMP", key)).decode()


_FORMS_OF: Final[dict[str, Callable[[Call, bytes], tuple[str, Any]]]] = {
    "string": _dumped_string,
    "list": _dumped_list,
    "set": _dumped_set,
    "hash": _dumped_hash,
    "zset": _dumped_zset,
    "stream": _dumped_stream,
    "vectorset": _dumped_payload,
}


def _pairs(fields: Sequence[bytes]) -> Any:
    """Return the fields of an entry: as an object, unless a name comes twice."""
    names, values = [written(name) for name in fields[::2]], [written(value) for value in fields[1::2]]
    if len(set(names)) == len(names):
        return dict(zip(names, values, strict=True))
    return [list(pair) for pair in zip(names, values, strict=True)]


def _number(score: float) -> Any:
    """Return a score: infinity as text, which JSON has no number for."""
    if score in {float("inf"), float("-inf")}:
        return "inf" if score > 0 else "-inf"
    return int(score) if score.is_integer() and abs(score) < 2**53 else score


def _time(deadline_ms: int) -> Any:
    """Return a deadline as a time in UTC; milliseconds where no calendar goes."""
    try:
        return (_EPOCH + timedelta(milliseconds=deadline_ms)).isoformat(timespec="milliseconds")
    except OverflowError:
        return deadline_ms


def as_json(data: "Mapping[str, Any]") -> str:
    """Return keys as JSON that people can read."""
    return json.dumps(data, ensure_ascii=False, indent=2)


# Loading --------------------------------------------------------------------------------------------------


def parsed(source: "Mapping[Any, Any] | str | Path") -> "Mapping[Any, Any]":
    """Return data, read from a JSON file when it is the path of one."""
    if isinstance(source, Mapping):
        return source
    data = json.loads(Path(source).read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise TypeError(f"{source}: a JSON object of keys is wanted")
    return data


def by_database(data: "Mapping[Any, Any]") -> dict[int, "Mapping[Any, Any]"]:
    """Return the keys of each database.

    Raises:
        TypeError, ValueError: for what is no such thing.
    """
    keys = {name: value for name, value in data.items() if name != DATABASES}
    others = _mapped(data.get(DATABASES, {}))
    return {0: keys} | {int(number): _mapped(its) for number, its in others.items()}


def load_value(call: Call, key: bytes, value: object, now_ms: int) -> None:
    """Make a value the value of a key, whatever it was before.

    Args:
        call: makes calls; raises RespError.
        key: its name.
        value: in one of the forms above.
        now_ms: the time, for `$ttl`.

    Raises:
        TypeError: for what is in none of the forms.
        ValueError: for a form that is not complete, or that is refused.
    """
    notes: Mapping[Any, Any] = {}
    form = _form(value)
    if isinstance(value, Mapping) and form in value:
        notes, value = value, value[form]
        unknown = set(notes) - {form} - _NOTES
        if unknown:
            raise ValueError(
                f"{written(key)}: {', '.join(map(str, sorted(unknown)))} means nothing beside {form}"
            )
    try:
        call(b"DEL", key)
        _LOADERS[form](call, key, value)
        deadline = _deadline(notes, now_ms)
        if deadline is not None:
            call(b"PEXPIREAT", key, b"%d" % deadline)
        for field, when in _mapped(notes.get("$field_expires_at", {})).items():
            call(b"HPEXPIREAT", key, b"%d" % _milliseconds(when), b"FIELDS", b"1", read(field))
    except TypeError as error:
        raise TypeError(f"{written(key)}: {error}") from error
    except (RespError, ValueError, OverflowError) as error:
        raise ValueError(f"{written(key)}: {error}") from error


def _form(value: object) -> str:
    """Return the form that a value is in."""
    if isinstance(value, Mapping):
        named = [form for form in value if form in _FORMS]
        return named[0] if named else "$hash"
    if isinstance(value, set | frozenset):
        return "$set"
    if isinstance(value, list | tuple):
        return "$list"
    return "$string"


def _load_members(command: bytes) -> Callable[[Call, bytes, Any], None]:
    """Return what loads members, all at once."""

    def load(call: Call, key: bytes, value: Any) -> None:
        members = list(map(read, _iterated(value)))
        if members:
            call(command, key, *members)

    return load


def _load_string(call: Call, key: bytes, value: Any) -> None:
    call(b"SET", key, read(value))


def _load_hash(call: Call, key: bytes, value: Any) -> None:
    words = [read(word) for pair in _mapped(value).items() for word in pair]
    if words:
        call(b"HSET", key, *words)


def _load_zset(call: Call, key: bytes, value: Any) -> None:
    words = [read(word) for member, score in _mapped(value).items() for word in (score, member)]
    if words:
        call(b"ZADD", key, *words)


def _load_stream(call: Call, key: bytes, value: Any) -> None:
    for name, fields in _iterated(value):
        pairs: Iterable[Any] = fields.items() if isinstance(fields, Mapping) else fields
        call(b"XADD", key, read(name), *[read(word) for pair in pairs for word in pair])


def _load_payload(call: Call, key: bytes, value: Any) -> None:
    call(b"RESTORE", key, b"0", b64decode(value, validate=True))


_LOADERS: Final[dict[str, Callable[[Call, bytes, Any], None]]] = {
    "$string": _load_string,
    "$list": _load_members(b"RPUSH"),
    "$set": _load_members(b"SADD"),
    "$hash": _load_hash,
    "$zset": _load_zset,
    "$stream": _load_stream,
    "$rdb": _load_payload,
}


def _iterated(value: object) -> Iterable[Any]:
    """Return a value that must hold others, without names."""
    if isinstance(value, list | tuple | set | frozenset):
        return value
    raise TypeError(f"{type(value).__name__} cannot be a collection: give a list or a set")


def _mapped(value: object) -> Mapping[Any, Any]:
    """Return a value that must hold others, by name."""
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"{type(value).__name__} cannot be a mapping: give a dict")


def _deadline(notes: Mapping[Any, Any], now_ms: int) -> int | None:
    """Return when a key expires, in milliseconds; None when it does not."""
    if "$expires_at" in notes:
        return _milliseconds(notes["$expires_at"])
    if "$ttl" in notes:
        ttl = notes["$ttl"]
        return now_ms + int((ttl.total_seconds() if isinstance(ttl, timedelta) else float(ttl)) * 1000)
    return None


def _milliseconds(when: object) -> int:
    """Return a time in milliseconds since the epoch."""
    if isinstance(when, int):
        return when
    return epoch_ns(when if isinstance(when, datetime) else datetime.fromisoformat(str(when))) // 1_000_000
