"""Keyspace events: the class of each, which is what `notify-keyspace-events` asks for."""

from collections.abc import Mapping
from typing import Final

_EVENTS: Final = {
    "g": "del rename_from rename_to move_from move_to copy_to restore expire persist",
    "$": "set setrange append incrby incrbyfloat setbit pfadd",
    "l": "lpush rpush lpop rpop linsert lset lrem ltrim sortstore",
    "s": "sadd srem spop sinterstore sunionstore sdiffstore",
    "h": "hset hdel hincrby hincrbyfloat hexpire hexpired hpersist",
    "z": "zadd zincr zrem zremrangebyrank zremrangebyscore zremrangebylex zpopmin zpopmax zunionstore zinterstore"
    " zdiffstore zrangestore geosearchstore georadiusstore",
    "t": "xadd xtrim xdel xsetid xgroup-create xgroup-createconsumer xgroup-delconsumer xgroup-destroy xgroup-setid",
    "x": "expired",
    "e": "evicted",
    "m": "keymiss",
    "n": "new",
}

CLASSES: Final[Mapping[str, str]] = {
    event: letter for letter, events in _EVENTS.items() for event in events.split()
}
"""The letter of each event's class."""

ALL: Final = frozenset("g$lshzxetd")
"""What the letter A stands for: everything but missed and new keys; `d` is for modules, and nothing here."""
