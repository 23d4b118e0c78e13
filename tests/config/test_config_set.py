"""CONFIG GET and CONFIG SET: every answer here is a real server's."""

import pytest

from vermilion.config import Config
from vermilion.errors import RespError
from vermilion.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("lazyfree-lazy-expire", "YES", "yes"),
        ("maxmemory", "100", "100"),
        ("maxmemory", "100b", "100"),
        ("maxmemory", "1k", "1000"),
        ("maxmemory", "1KB", "1024"),
        ("maxmemory", "1m", "1000000"),
        ("maxmemory", "1Mb", "1048576"),
        ("maxmemory", "1g", "1000000000"),
        ("maxmemory", "1GB", "1073741824"),
        ("maxmemory", "", "0"),
        ("maxmemory", "k", "0"),
        ("maxmemory", "00012", "12"),
        ("maxmemory", "18446744073709551616", "18446744073709551615"),
        ("maxmemory-clients", "10%", "10%"),
        ("maxmemory-clients", "0%", "0"),
        ("maxmemory-clients", "1gb", "1073741824"),
        ("maxmemory-policy", "ALLKEYS-LRU", "allkeys-lru"),
        ("oom-score-adj", "relative", "yes"),
        ("hz", "0", "1"),
        ("hz", "501", "500"),
        ("repl-backlog-size", "1", "16384"),
        ("slowlog-log-slower-than", "-1", "-1"),
        ("save", "900 1 300 10", "900 1 300 10"),
        ("save", "900 01", "900 1"),
        ("save", "1 0", "1 0"),
        ("save", "", ""),
        ("bind", "127.0.0.1 -::1", "127.0.0.1 -::1"),
        ("bind", "", ""),
        (
            "client-output-buffer-limit",
            "NORMAL 1mb 2mb 3",
            "normal 1048576 2097152 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        ),
        (
            "client-output-buffer-limit",
            "replica 1gb 1 60 pubsub 1 2 3",
            "normal 0 0 0 slave 1073741824 1 60 pubsub 1 2 3",
        ),
        (
            "client-output-buffer-limit",
            "",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        ),
        ("oom-score-adj-values", "3 2 1", "3 2 1"),
        ("latency-tracking-info-percentiles", "99 50", "99 50"),
        ("latency-tracking-info-percentiles", "100.0", "100"),
        ("latency-tracking-info-percentiles", "0", "0"),
        ("latency-tracking-info-percentiles", "1e1", "10"),
        ("latency-tracking-info-percentiles", "33.333333333333333", "33.333333"),
        ("latency-tracking-info-percentiles", "", ""),
        ("notify-keyspace-events", "KEA", "AKE"),
        ("notify-keyspace-events", "g$lshzxetd", "A"),
        ("notify-keyspace-events", "g$lshzxetdmnKE", "AKEm"),
        ("notify-keyspace-events", "KEAn", "AKE"),
        ("notify-keyspace-events", "Kmn", "nKm"),
        ("notify-keyspace-events", "KEg$lshzxet", "g$lshzxetKE"),
        ("notify-keyspace-events", "", ""),
        ("shutdown-on-sigterm", "now SAVE", "save now"),
        ("shutdown-on-sigterm", "nosave force now", "nosave now force"),
        ("shutdown-on-sigterm", "default now", "now"),
        ("shutdown-on-sigterm", "default", "default"),
        ("proc-title-template", "a b", "a b"),
        ("proc-title-template", "}", "}"),
        ("proc-title-template", "{title} {port} {config-file}", "{title} {port} {config-file}"),
        ("locale-collate", "C", "C"),
        ("cluster-announce-human-nodename", "a b/c_d", "a b/c_d"),
        ("SLAVE-PRIORITY", "7", "7"),
        ("requirepass", "a \udcff", "a \udcff"),
    ],
)
def test_values_are_answered_as_redis_does(name: str, value: str, answer: str) -> None:
    config = Config()
    raw = name.encode()
    config.set([(raw, value.encode("utf-8", "surrogateescape"))])
    assert config.get([raw]) == {raw: answer.encode("utf-8", "surrogateescape")}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("timeout", " 1", "argument couldn't be parsed into an integer"),
        ("timeout", "+1", "argument couldn't be parsed into an integer"),
        ("timeout", "01", "argument couldn't be parsed into an integer"),
        ("timeout", "-0", "argument couldn't be parsed into an integer"),
        ("timeout", "1_0", "argument couldn't be parsed into an integer"),
        ("timeout", "٣", "argument couldn't be parsed into an integer"),
        ("timeout", "4\n", "argument couldn't be parsed into an integer"),
        ("timeout", "9223372036854775808", "argument couldn't be parsed into an integer"),
        ("timeout", "2147483648", "argument must be between 0 and 2147483647 inclusive"),
        ("maxmemory", "1tb", "argument must be a memory value"),
        ("maxmemory", "1.5gb", "argument must be a memory value"),
        ("maxmemory", "-0", "argument must be a memory value"),
        ("maxmemory", "5%", "argument must be a memory value"),
        ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients", "01%", "argument must be a memory or percent value"),
        ("maxmemory-clients", "1tb", "argument must be a memory or percent value"),
        ("proto-max-bulk-len", "1", "argument must be between 1048576 and 9223372036854775807 inclusive"),
        ("lazyfree-lazy-expire", "true", "argument must be 'yes' or 'no'"),
        ("appendfsync", "", "argument(s) must be one of the following: everysec, always, no"),
        ("save", "900  1", "Invalid save parameters"),
        ("save", "0 1", "Invalid save parameters"),
        ("save", "1 -1", "Invalid save parameters"),
        ("save", "900", "Invalid save parameters"),
        ("bind", " ".join(["::1"] * 17), "Too many bind addresses specified."),
        (
            "client-output-buffer-limit",
            "normal 1 2",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "master 1 1 1",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal 1x 0 0",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        ("oom-score-adj-values", "1 2", "wrong number of arguments"),
        (
            "oom-score-adj-values",
            "0 0 2001",
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ),
        ("latency-tracking-info-percentiles", "nan", "Invalid latency-tracking-info-percentiles parameters"),
        ("latency-tracking-info-percentiles", "5 ", "Invalid latency-tracking-info-percentiles parameters"),
        (
            "latency-tracking-info-percentiles",
            "inf",
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
        ),
        ("notify-keyspace-events", "KEo", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        (
            "shutdown-on-sigterm",
            "",
            "argument(s) must be one of the following: default, save, nosave, now, force",
        ),
        (
            "shutdown-on-sigterm",
            "save nosave",
            "shutdown options SAVE and NOSAVE can't be used simultaneously",
        ),
        ("proc-title-template", "{title", "template format is invalid or contains unknown variables"),
        ("proc-title-template", "{TITLE}", "template format is invalid or contains unknown variables"),
        ("proc-title-template", "", "template format is invalid or contains unknown variables"),
        ("locale-collate", "no-such-locale", "Invalid locale name"),
        (
            "cluster-announce-hostname",
            "a_b",
            "Hostnames may only contain alphanumeric characters, hyphens or dots",
        ),
        ("cluster-announce-hostname", "x" * 300, "Hostnames must be less than 256 characters"),
        ("cluster-announce-human-nodename", "a;b", "Announced human node name contained invalid character"),
        ("port", "65536", "argument must be between 0 and 65535 inclusive"),
        ("DAEMONIZE", "yes", "can't set immutable config"),
    ],
)
def test_refusals_are_those_of_redis(name: str, value: str, reason: str) -> None:
    config = Config()
    before = config.get([b"*"])
    with pytest.raises(RespError) as caught:
        config.set([(name.encode(), value.encode())])
    assert caught.value.message == f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"
    assert config.get([b"*"]) == before


UNKNOWN = "ERR Unknown option or number of arguments for CONFIG SET - '{}'"
FAILED = "ERR CONFIG SET failed (possibly related to argument '{}') - "


@pytest.mark.parametrize(
    ("pairs", "message", "name"),
    [
        ("nope 1", UNKNOWN, "nope"),
        ("hz 10 Nope 2", UNKNOWN, "Nope"),
        ("include x", UNKNOWN, "include"),
        ("timeout abc nope 1", UNKNOWN, "nope"),
        ("hz 10 HZ 20", FAILED + "duplicate parameter", "HZ"),
        ("hz 1 hz 2 nope 1", FAILED + "duplicate parameter", "hz"),
        ("timeout abc daemonize yes", FAILED + "can't set immutable config", "daemonize"),
        ("timeout abc hz abc", FAILED + "argument couldn't be parsed into an integer", "timeout"),
        ("timeout 5 HZ abc", FAILED + "argument couldn't be parsed into an integer", "hz"),
    ],
)
def test_all_or_nothing(pairs: str, message: str, name: str) -> None:
    config = Config()
    words = pairs.encode().split()
    with pytest.raises(RespError) as caught:
        config.set(list(zip(words[::2], words[1::2], strict=True)))
    assert caught.value.message == message.format(name)
    assert (config.settings.hz, config.settings.timeout) == (10, 0)


def test_an_alias_is_no_duplicate_and_the_last_wins() -> None:
    config = Config()
    config.set([(b"slave-priority", b"10"), (b"replica-priority", b"11")])
    assert config.settings.replica_priority == 11


@pytest.mark.parametrize(
    ("allowed", "local", "ok"),
    [("no", True, False), ("yes", False, True), ("local", True, True), ("local", False, False)],
)
def test_protected_directives(allowed: str, local: bool, ok: bool) -> None:
    config = Config(Settings(enable_protected_configs=allowed))
    if ok:
        config.set([(b"dbfilename", b"x.rdb")], local=local)
        assert config.settings.dbfilename == "x.rdb"
    else:
        with pytest.raises(RespError, match="can't set protected config"):
            config.set([(b"dbfilename", b"x.rdb")], local=local)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ("KEY-LOAD-DELAY", {"KEY-LOAD-DELAY"}),
        ("key-load*", set()),
        ("slaveof replicaof", {"slaveof", "replicaof"}),
        ("HZ hz", {"HZ"}),
        ("h? hz", {"hz"}),
        ("H[Z]", {"hz"}),
        ("\\hz", set()),
        ("nope", set()),
        ("include", set()),
        ("includ?", set()),
        ("LIST-MAX-*", {"list-max-listpack-size", "list-max-ziplist-size"}),
        (
            "Lfu* *factor",
            {
                "lfu-log-factor",
                "lfu-decay-time",
                "cluster-replica-validity-factor",
                "cluster-slave-validity-factor",
            },
        ),
    ],
)
def test_get_finds_names_and_globs(patterns: str, names: set[str]) -> None:
    assert set(Config().get(patterns.encode().split())) == {name.encode() for name in names}


class Listener:
    """Stands for a listening socket that follows `port` and `bind`, and cannot listen on port 1."""

    def __init__(self, config: Config) -> None:
        self.seen: list[tuple[int, tuple[str, ...]]] = []
        for name in ("port", "bind"):
            config.watch(name, self.follow)

    def follow(self, settings: Settings) -> None:
        if settings.port == 1:
            raise ValueError("Unable to listen on this port. Check server logs.")
        self.seen.append((settings.port, settings.bind))


def test_a_watcher_is_told_once_of_what_changed() -> None:
    config = Config()
    listener = Listener(config)
    config.set([(b"port", b"7000"), (b"bind", b"::1"), (b"hz", b"20")])
    config.set([(b"port", b"7000"), (b"hz", b"30")])
    assert listener.seen == [(7000, ("::1",))]


def test_a_file_that_is_named_once_more_is_read_once_more() -> None:
    config = Config()
    told = []
    for directive in ("tls-cert-file", "tls-ciphers"):
        config.watch(directive, lambda settings: told.append(settings.tls_cert_file))
    for _ in range(2):
        config.set([(b"tls-cert-file", b"server.crt"), (b"tls-ciphers", b"")])
    assert told == ["server.crt", "server.crt"]


def test_a_watcher_that_refuses_takes_everything_back() -> None:
    config = Config()
    told = []
    config.watch("slave-priority", lambda settings: told.append(settings.replica_priority))
    Listener(config)
    with pytest.raises(RespError) as caught:
        config.set([(b"replica-priority", b"5"), (b"port", b"1"), (b"hz", b"20")])
    assert caught.value.message == (
        FAILED.format("port") + "Unable to listen on this port. Check server logs."
    )
    assert (config.settings.replica_priority, config.settings.port, config.settings.hz) == (100, 6379, 10)
    assert told == [5, 100]


def test_a_directive_that_does_not_exist_cannot_be_watched() -> None:
    with pytest.raises(KeyError):
        Config().watch("prot", lambda settings: None)


@pytest.mark.parametrize(
    "failure", [OSError(2, "No such file or directory"), ValueError("No such file or directory")]
)
def test_a_watcher_may_fail_with_the_system_s_error(failure: Exception) -> None:
    config = Config()

    def refuse(_: Settings) -> None:
        raise failure

    config.watch("hz", refuse)
    with pytest.raises(RespError, match=r"'hz'\) - No such file or directory$"):
        config.set([(b"hz", b"20")])
    assert config.settings.hz == 10


def test_a_watcher_that_breaks_takes_everything_back_too() -> None:
    config = Config()
    config.watch("hz", lambda settings: setattr(settings, "timeout", 1 // 0))
    with pytest.raises(ZeroDivisionError):
        config.set([(b"timeout", b"5"), (b"hz", b"20")])
    assert (config.settings.hz, config.settings.timeout) == (10, 0)
