"""Every directive of redis.conf, with its kind, default and access: the one list there is.

`Settings` holds their values as plain attributes. Whoever adds a directive adds one declaration here, and `make
docs` gives it its row in docs/directives.md; CONFIG GET, CONFIG SET, CONFIG REWRITE, the command line and the
environment read it from here.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from vermilion.compound_kinds import (
    Addresses,
    BufferLimit,
    BufferLimits,
    Choices,
    OomScores,
    Percentiles,
    Primary,
    ReplicaOf,
    SavePoint,
    SavePoints,
    SentinelOnly,
    Users,
    Words,
)
from vermilion.directives import Directive, compiled, directive
from vermilion.kinds import (
    INT_MAX,
    LONG_MAX,
    ULONG_MAX,
    Bool,
    Choice,
    Directory,
    FileName,
    HostName,
    Integer,
    KeyspaceEvents,
    Locale,
    LogFile,
    Memory,
    MemoryOrPercent,
    NodeName,
    Octal,
    Secret,
    SecretUrl,
    Text,
    Title,
    UserName,
)

YES_OR_NO: Final = Bool()
TEXT: Final = Text()
SECRET: Final = Secret()
ADDRESSES: Final = Addresses()
PORT: Final = Integer(0, 65535)
COUNT: Final = Integer(0, INT_MAX)
POSITIVE: Final = Integer(1, INT_MAX)
LONG: Final = Integer(0, LONG_MAX)
PER_CYCLE: Final = Integer(1, 1000)
BYTES: Final = Memory(0, LONG_MAX)
LOCAL: Final = Choice("no", "yes", "local")
SHUTDOWN: Final = Choices("default", "save", "nosave", "now", "force")


@compiled
class Settings:
    """The values of all directives, as attributes to be read at the speed of attributes.

    One object lives as long as its server and is changed in place by `vermilion.config.Config`, so that
    whoever holds it always sees the present.

    Example:
        >>> Settings(port=7379).port
        7379
        >>> Settings().client_output_buffer_limit["pubsub"].hard
        33554432

    See Also:
        `vermilion.config.Config`, which reads files and arguments into it; `BY_NAME`, the declarations.

    LLM Context:
        - A directive's attribute is its name with underscores: `maxmemory-policy` is `maxmemory_policy`.
        - Integers, bool, str, tuples; passwords are bytes, as clients send them.
        - `ignored=True` says that the directive is accepted and answered, and changes nothing: whoever gives
          it a meaning takes the mark away.
    """

    directives: ClassVar[tuple[Directive, ...]]
    """The declarations below, in their order."""

    # Network
    bind: tuple[str, ...] = directive(
        # Redis begins with every address and relies on protected mode; redis.conf, and so most people, begin here.
        ADDRESSES,
        "127.0.0.1 -::1",
        "Addresses to listen on.",
    )
    port: int = directive(PORT, "6379", "TCP port to listen on; 0 for none.")
    tcp_backlog: int = directive(
        COUNT, "511", "Length of the queue of connections not yet accepted.", access="fixed"
    )
    unixsocket: str = directive(
        TEXT, "", "Path of the Unix socket to listen on; empty for none.", access="fixed"
    )
    unixsocketperm: int = directive(
        Octal(0, 0o777), "0", "Permissions of the Unix socket; 0 leaves them to the umask.", access="fixed"
    )
    timeout: int = directive(COUNT, "0", "Seconds after which an idle client is closed; 0 for never.")
    tcp_keepalive: int = directive(COUNT, "300", "Seconds between probes of silent connections; 0 for none.")
    protected_mode: bool = directive(
        YES_OR_NO, "yes", "Whether only this machine may connect while there is no password."
    )
    bind_source_addr: str = directive(TEXT, "", "Address that outgoing connections come from.", ignored=True)
    socket_mark_id: int = directive(
        Integer(0, 2**32 - 1), "0", "Mark of the sockets for packet filters.", access="fixed", ignored=True
    )
    max_new_connections_per_cycle: int = directive(
        PER_CYCLE, "10", "Connections accepted in one turn of the loop.", ignored=True
    )
    max_new_tls_connections_per_cycle: int = directive(
        PER_CYCLE, "1", "TLS connections accepted in one turn of the loop.", ignored=True
    )

    # What is behind: these are Vermilion's own
    backend: str = directive(
        Choice("memory", "redis"), "memory", "Where the keys are: here, or in the upstream.", access="fixed"
    )
    upstream: bytes = directive(
        SecretUrl(),
        "",
        "URL of the Redis behind, for the backend redis; shown without passwords.",
        access="fixed",
    )
    upstream_timeout: int = directive(
        Integer(1, INT_MAX), "5000", "Milliseconds for a reply of the upstream.", access="fixed"
    )
    upstream_start_timeout: int = directive(
        COUNT, "10000", "Milliseconds to wait for the upstream before clients are served.", access="fixed"
    )
    upstream_connections: int = directive(
        POSITIVE, "1000", "Connections to the upstream that are one client's own, at most.", access="fixed"
    )
    upstream_in_flight: int = directive(
        Memory(1, LONG_MAX),
        "268435456",
        "Bytes of calls that wait for the upstream, at most.",
        access="fixed",
    )

    # Metrics: these two are Vermilion's own
    metrics_port: int = directive(
        PORT, "0", "TCP port of the metrics and the health check; 0 for none.", access="fixed"
    )
    metrics_bind: tuple[str, ...] = directive(
        ADDRESSES, "127.0.0.1 -::1", "Addresses that the metrics listen on.", access="fixed"
    )

    # Tests: this one is Vermilion's own
    enable_test_commands: bool = directive(
        YES_OR_NO,
        "no",
        "Whether clients may move the clock and the rest of the server, by VERMILION.",
        access="fixed",
    )

    # TLS
    tls_port: int = directive(PORT, "0", "TCP port to listen on with TLS; 0 for none.")
    tls_cert_file: str = directive(TEXT, "", "Certificate of the server.", names_file=True)
    tls_key_file: str = directive(TEXT, "", "Private key of the server.", names_file=True)
    tls_key_file_pass: str = directive(TEXT, "", "Passphrase of the private key.")
    tls_client_cert_file: str = directive(TEXT, "", "Certificate for outgoing connections.", ignored=True)
    tls_client_key_file: str = directive(TEXT, "", "Private key for outgoing connections.", ignored=True)
    tls_client_key_file_pass: str = directive(
        TEXT, "", "Passphrase of the key for outgoing connections.", ignored=True
    )
    tls_dh_params_file: str = directive(TEXT, "", "Diffie-Hellman parameters.", names_file=True)
    tls_ca_cert_file: str = directive(
        TEXT, "", "File of the authorities that clients are checked against.", names_file=True
    )
    tls_ca_cert_dir: str = directive(
        TEXT, "", "Directory of the authorities that clients are checked against.", names_file=True
    )
    tls_auth_clients: str = directive(
        Choice("no", "yes", "optional"), "yes", "Whether clients must show a certificate."
    )
    tls_protocols: str = directive(TEXT, "", "Versions of TLS to speak; empty for 1.2 and 1.3.")
    tls_ciphers: str = directive(TEXT, "", "Ciphers up to TLS 1.2.")
    tls_ciphersuites: str = directive(TEXT, "", "Ciphers of TLS 1.3.")
    tls_prefer_server_ciphers: bool = directive(
        YES_OR_NO, "no", "Whether the server's order of ciphers wins."
    )
    tls_session_caching: bool = directive(YES_OR_NO, "yes", "Whether TLS sessions are resumed.")
    tls_session_cache_size: int = directive(COUNT, "20480", "Number of TLS sessions kept.", ignored=True)
    tls_session_cache_timeout: int = directive(
        COUNT, "300", "Seconds for which a TLS session is kept.", ignored=True
    )
    tls_replication: bool = directive(YES_OR_NO, "no", "Whether replication uses TLS.", ignored=True)
    tls_cluster: bool = directive(YES_OR_NO, "no", "Whether the cluster's bus uses TLS.", ignored=True)

    # Process
    daemonize: bool = directive(YES_OR_NO, "no", "Whether to go into the background.", access="fixed")
    supervised: str = directive(
        Choice("upstart", "systemd", "auto", "no"),
        "no",
        "Supervisor to tell that the server is ready.",
        access="fixed",
    )
    pidfile: str = directive(
        TEXT, "", "File that holds the process number while the server runs.", access="fixed"
    )
    loglevel: str = directive(
        Choice("debug", "verbose", "notice", "warning", "nothing"),
        "notice",
        "Least severe level that is logged.",
    )
    logfile: str = directive(LogFile(), "", "File to log to; empty for the standard output.", access="fixed")
    syslog_enabled: bool = directive(
        YES_OR_NO, "no", "Whether to log to the system's log too.", access="fixed", ignored=True
    )
    syslog_ident: str = directive(TEXT, "redis", "Name in the system's log.", access="fixed", ignored=True)
    syslog_facility: str = directive(
        Choice("user", *(f"local{number}" for number in range(8))),
        "local0",
        "Facility of the system's log.",
        access="fixed",
        ignored=True,
    )
    crash_log_enabled: bool = directive(
        YES_OR_NO, "yes", "Whether a crash is explained in the log.", ignored=True
    )
    crash_memcheck_enabled: bool = directive(
        YES_OR_NO, "yes", "Whether a crash is followed by a test of the memory.", ignored=True
    )
    use_exit_on_panic: bool = directive(
        YES_OR_NO, "no", "Whether a failed assertion exits rather than aborts.", hidden=True, ignored=True
    )
    hide_user_data_from_log: bool = directive(
        YES_OR_NO, "no", "Whether keys and values are kept out of the log.", ignored=True
    )
    always_show_logo: bool = directive(
        YES_OR_NO, "no", "Whether the banner is shown in a log file too.", access="fixed", ignored=True
    )
    set_proc_title: bool = directive(
        YES_OR_NO, "yes", "Whether to show the state in the process title.", access="fixed", ignored=True
    )
    proc_title_template: str = directive(
        Title(), "{title} {listen-addr} {server-mode}", "What the process title shows.", ignored=True
    )
    locale_collate: str = directive(
        Locale(), "", "Locale in which SORT ALPHA compares; empty for the environment's.", ignored=True
    )
    dir: str = directive(
        Directory(), ".", "Working directory: where files without a path are.", access="protected"
    )
    hz: int = directive(Integer(0, INT_MAX, clamp=(1, 500)), "10", "Background cycles a second.")
    dynamic_hz: bool = directive(YES_OR_NO, "yes", "Whether many clients raise `hz`.", ignored=True)
    databases: int = directive(POSITIVE, "16", "Number of databases.", access="fixed")
    io_threads: int = directive(
        Integer(1, 128), "1", "Threads for reading and writing.", access="fixed", ignored=True
    )
    server_cpulist: str = directive(
        TEXT, "", "Processors for the server.", alias="server_cpulist", access="fixed", ignored=True
    )
    bio_cpulist: str = directive(
        TEXT, "", "Processors for background work.", alias="bio_cpulist", access="fixed", ignored=True
    )
    aof_rewrite_cpulist: str = directive(
        TEXT,
        "",
        "Processors for rewriting the journal.",
        alias="aof_rewrite_cpulist",
        access="fixed",
        ignored=True,
    )
    bgsave_cpulist: str = directive(
        TEXT, "", "Processors for saving.", alias="bgsave_cpulist", access="fixed", ignored=True
    )
    oom_score_adj: str = directive(
        Choice("no", "yes", "relative", "absolute", synonyms={"relative": "yes"}),
        "no",
        "Whether to tell the kernel which process to kill first.",
        ignored=True,
    )
    oom_score_adj_values: tuple[int, ...] = directive(
        OomScores(), "0 200 800", "What to tell it for primaries, replicas and children.", ignored=True
    )
    disable_thp: bool = directive(
        YES_OR_NO, "yes", "Whether to turn transparent huge pages off.", access="fixed", ignored=True
    )
    ignore_warnings: str = directive(TEXT, "", "Warnings about the system not to stop for.", ignored=True)
    watchdog_period: int = directive(
        COUNT, "0", "Milliseconds after which a stall is logged; 0 for never.", hidden=True, ignored=True
    )
    shutdown_timeout: int = directive(
        COUNT, "10", "Seconds for which a shutdown waits for replicas.", ignored=True
    )
    shutdown_on_sigint: tuple[str, ...] = directive(SHUTDOWN, "default", "How to shut down on SIGINT.")
    shutdown_on_sigterm: tuple[str, ...] = directive(SHUTDOWN, "default", "How to shut down on SIGTERM.")

    # Files
    include: tuple[tuple[str, ...], ...] = directive(
        Words(1, 1), "", "Another file, or files by a pattern, read in this place.", access="file"
    )
    loadmodule: tuple[tuple[str, ...], ...] = directive(
        Words(1, None), "", "A module to load.", access="file", ignored=True
    )
    sentinel: tuple[tuple[str, ...], ...] = directive(
        SentinelOnly(0, None), "", "Directives of Redis Sentinel.", access="file", ignored=True
    )
    list_max_ziplist_entries: tuple[tuple[str, ...], ...] = directive(
        Words(1, 1), "", "Of the past: accepted and forgotten.", access="file", ignored=True
    )
    list_max_ziplist_value: tuple[tuple[str, ...], ...] = directive(
        Words(1, 1), "", "Of the past: accepted and forgotten.", access="file", ignored=True
    )
    lua_replicate_commands: tuple[tuple[str, ...], ...] = directive(
        Words(1, 1), "", "Of the past: accepted and forgotten.", access="file", ignored=True
    )
    io_threads_do_reads: tuple[tuple[str, ...], ...] = directive(
        Words(1, 1), "", "Of the past: accepted and forgotten.", access="file", ignored=True
    )

    # Security
    requirepass: bytes = directive(SECRET, "", "Password of the default user; empty for none.")
    user: tuple[tuple[str, ...], ...] = directive(
        Users(1, None), "", "A user and the rules for it.", access="file"
    )
    aclfile: str = directive(TEXT, "", "File of users and rules.", access="fixed")
    acl_pubsub_default: str = directive(
        Choice("allchannels", "resetchannels"),
        "resetchannels",
        "Channels that a new user may use.",
    )
    acllog_max_len: int = directive(LONG, "128", "Entries that ACL LOG keeps.")
    rename_command: tuple[tuple[str, ...], ...] = directive(
        Words(2, 2), "", "Another name for a command; empty to take it away.", access="file"
    )
    enable_protected_configs: str = directive(
        LOCAL, "no", "Who may change protected directives.", access="fixed"
    )
    enable_debug_command: str = directive(LOCAL, "no", "Who may use DEBUG.", access="fixed")
    enable_module_command: str = directive(LOCAL, "no", "Who may use MODULE.", access="fixed")

    # Clients
    maxclients: int = directive(Integer(1, 2**32 - 1), "10000", "Most clients at a time.")
    client_query_buffer_limit: int = directive(
        Memory(1 << 20, LONG_MAX), "1073741824", "Most bytes of a client's unread request."
    )
    proto_max_bulk_len: int = directive(Memory(1 << 20, LONG_MAX), "536870912", "Most bytes of one argument.")
    client_output_buffer_limit: Mapping[str, BufferLimit] = directive(
        BufferLimits(),
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        "Unread replies after which a client is closed, by class.",
    )
    tracking_table_max_keys: int = directive(
        LONG, "1000000", "Most keys remembered for client-side caches; 0 for any number."
    )
    latency_monitor_threshold: int = directive(
        LONG, "0", "Milliseconds from which an event is kept for LATENCY; 0 for none."
    )
    latency_tracking: bool = directive(YES_OR_NO, "yes", "Whether INFO reports percentiles of latencies.")
    latency_tracking_info_percentiles: tuple[float, ...] = directive(
        Percentiles(), "50 99 99.9", "Percentiles that INFO reports."
    )
    slowlog_log_slower_than: int = directive(
        Integer(-1, LONG_MAX), "10000", "Microseconds from which a call is kept for SLOWLOG; -1 for none."
    )
    slowlog_max_len: int = directive(LONG, "128", "Calls that SLOWLOG keeps.")
    notify_keyspace_events: str = directive(
        KeyspaceEvents(), "", "Classes of events about keys that are published."
    )
    busy_reply_threshold: int = directive(
        LONG,
        "5000",
        "Milliseconds after which a script answers BUSY to other clients.",
        alias="lua-time-limit",
    )
    lua_enable_deprecated_api: bool = directive(
        YES_OR_NO,
        "no",
        "Whether scripts see functions that were taken away.",
        access="fixed",
        hidden=True,
        ignored=True,
    )

    # Memory
    maxmemory: int = directive(Memory(0, ULONG_MAX), "0", "Most bytes of data; 0 for no limit.")
    maxmemory_policy: str = directive(
        Choice(
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "volatile-ttl",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
            "noeviction",
        ),
        "noeviction",
        "What to remove when the memory is full.",
    )
    maxmemory_samples: int = directive(Integer(1, 64), "5", "Keys compared for one removal.")
    maxmemory_eviction_tenacity: int = directive(
        Integer(0, 100), "10", "How long a call may spend on removing."
    )
    maxmemory_clients: int = directive(
        MemoryOrPercent(0, LONG_MAX),
        "0",
        "Most bytes of all clients together, or as a negative number a percentage of `maxmemory`.",
    )
    lfu_log_factor: int = directive(COUNT, "10", "How slowly the frequency counter of a key rises.")
    lfu_decay_time: int = directive(COUNT, "1", "Minutes after which the frequency counter of a key falls.")
    active_expire_effort: int = directive(
        Integer(1, 10), "1", "How eagerly expired keys are looked for.", ignored=True
    )
    lazyfree_lazy_eviction: bool = directive(
        YES_OR_NO, "no", "Whether evicted values are freed in the background.", ignored=True
    )
    lazyfree_lazy_expire: bool = directive(
        YES_OR_NO, "no", "Whether expired values are freed in the background.", ignored=True
    )
    lazyfree_lazy_server_del: bool = directive(
        YES_OR_NO, "no", "Whether overwritten values are freed in the background.", ignored=True
    )
    lazyfree_lazy_user_del: bool = directive(YES_OR_NO, "no", "Whether DEL is UNLINK.", ignored=True)
    lazyfree_lazy_user_flush: bool = directive(
        YES_OR_NO, "no", "Whether FLUSHALL and FLUSHDB are ASYNC by default.", ignored=True
    )
    activerehashing: bool = directive(
        YES_OR_NO, "yes", "Whether hash tables are rehashed in idle time.", ignored=True
    )
    activedefrag: bool = directive(YES_OR_NO, "no", "Whether memory is defragmented.", ignored=True)
    active_defrag_ignore_bytes: int = directive(
        Memory(1, LONG_MAX), "104857600", "Waste below which memory is not defragmented.", ignored=True
    )
    active_defrag_threshold_lower: int = directive(
        Integer(0, 1000), "10", "Percentage of waste to begin at.", ignored=True
    )
    active_defrag_threshold_upper: int = directive(
        Integer(0, 1000), "100", "Percentage of waste for the greatest effort.", ignored=True
    )
    active_defrag_cycle_min: int = directive(
        Integer(1, 99), "1", "Least effort, in percent of processor time.", ignored=True
    )
    active_defrag_cycle_max: int = directive(
        Integer(1, 99), "25", "Greatest effort, in percent of processor time.", ignored=True
    )
    active_defrag_max_scan_fields: int = directive(
        Integer(1, LONG_MAX), "1000", "Most fields of a value handled at once.", ignored=True
    )
    jemalloc_bg_thread: bool = directive(
        YES_OR_NO, "yes", "Whether the allocator purges in a thread of its own.", ignored=True
    )

    # Encodings
    hash_max_listpack_entries: int = directive(
        LONG, "512", "Most fields of a hash that is a listpack.", alias="hash-max-ziplist-entries"
    )
    hash_max_listpack_value: int = directive(
        BYTES, "64", "Longest field or value of a hash that is a listpack.", alias="hash-max-ziplist-value"
    )
    list_max_listpack_size: int = directive(
        Integer(-INT_MAX - 1, INT_MAX),
        "-2",
        "Most entries of a listpack of a list, or -1 to -5 for 4 to 64 kB.",
        alias="list-max-ziplist-size",
    )
    list_compress_depth: int = directive(
        COUNT, "0", "Nodes at both ends of a list that are not compressed; 0 compresses none.", ignored=True
    )
    set_max_intset_entries: int = directive(LONG, "512", "Most members of a set that is an intset.")
    set_max_listpack_entries: int = directive(LONG, "128", "Most members of a set that is a listpack.")
    set_max_listpack_value: int = directive(LONG, "64", "Longest member of a set that is a listpack.")
    zset_max_listpack_entries: int = directive(
        LONG, "128", "Most members of a sorted set that is a listpack.", alias="zset-max-ziplist-entries"
    )
    zset_max_listpack_value: int = directive(
        BYTES, "64", "Longest member of a sorted set that is a listpack.", alias="zset-max-ziplist-value"
    )
    hll_sparse_max_bytes: int = directive(BYTES, "3000", "Longest sparse HyperLogLog.")
    stream_node_max_bytes: int = directive(
        BYTES, "4096", "Most bytes of a node of a stream; 0 for any number."
    )
    stream_node_max_entries: int = directive(
        LONG, "100", "Most entries of a node of a stream; 0 for any number."
    )

    # Persistence
    save: tuple[SavePoint, ...] = directive(
        SavePoints(), "3600 1 300 100 60 10000", "When to save without being asked."
    )
    dbfilename: str = directive(
        FileName("dbfilename", "filename", required=False),
        "dump.rdb",
        "Name of the snapshot.",
        access="protected",
    )
    rdbcompression: bool = directive(YES_OR_NO, "yes", "Whether snapshots are compressed.", ignored=True)
    rdbchecksum: bool = directive(YES_OR_NO, "yes", "Whether snapshots carry a checksum.", access="fixed")
    rdb_del_sync_files: bool = directive(
        YES_OR_NO, "no", "Whether snapshots for replicas are removed.", ignored=True
    )
    rdb_save_incremental_fsync: bool = directive(
        YES_OR_NO, "yes", "Whether snapshots are synced as they are written.", ignored=True
    )
    rdb_key_save_delay: int = directive(
        Integer(-INT_MAX - 1, INT_MAX),
        "0",
        "Microseconds to wait after each key of a background save, for tests.",
        hidden=True,
    )
    key_load_delay: int = directive(
        Integer(-INT_MAX - 1, INT_MAX),
        "0",
        "Microseconds to wait after each key loaded, for tests.",
        hidden=True,
        ignored=True,
    )
    sanitize_dump_payload: str = directive(
        Choice("no", "yes", "clients"), "no", "Whether serialised values are checked in depth.", ignored=True
    )
    stop_writes_on_bgsave_error: bool = directive(
        YES_OR_NO, "yes", "Whether writing is refused after saving failed."
    )
    appendonly: bool = directive(
        YES_OR_NO, "no", "Whether to keep a journal: there is none here, and `yes` is refused."
    )
    appendfilename: str = directive(
        FileName("appendfilename", "filename", required=True),
        "appendonly.aof",
        "Name of the journal.",
        access="fixed",
        ignored=True,
    )
    appenddirname: str = directive(
        FileName("appenddirname", "dirname", required=True),
        "appendonlydir",
        "Name of the journal's directory.",
        access="fixed",
        ignored=True,
    )
    appendfsync: str = directive(
        Choice("everysec", "always", "no"), "everysec", "When the journal is synced.", ignored=True
    )
    no_appendfsync_on_rewrite: bool = directive(
        YES_OR_NO, "no", "Whether the journal is not synced while it is rewritten.", ignored=True
    )
    auto_aof_rewrite_percentage: int = directive(
        COUNT, "100", "Growth in percent after which the journal is rewritten; 0 for never.", ignored=True
    )
    auto_aof_rewrite_min_size: int = directive(
        BYTES, "67108864", "Size below which the journal is not rewritten.", ignored=True
    )
    aof_load_truncated: bool = directive(
        YES_OR_NO, "yes", "Whether a journal that ends too early is loaded.", ignored=True
    )
    aof_use_rdb_preamble: bool = directive(
        YES_OR_NO, "yes", "Whether a rewritten journal begins with a snapshot.", ignored=True
    )
    aof_timestamp_enabled: bool = directive(
        YES_OR_NO, "no", "Whether the journal carries the time.", ignored=True
    )
    aof_rewrite_incremental_fsync: bool = directive(
        YES_OR_NO, "yes", "Whether a journal is synced as it is rewritten.", ignored=True
    )

    # Replication
    replicaof: Primary | None = directive(
        ReplicaOf(), "", "Server to replicate from.", alias="slaveof", access="fixed", ignored=True
    )
    masteruser: bytes = directive(UserName(), "", "User to replicate as.", ignored=True)
    masterauth: bytes = directive(SECRET, "", "Password to replicate with.", ignored=True)
    replica_serve_stale_data: bool = directive(
        YES_OR_NO,
        "yes",
        "Whether a replica without its primary answers.",
        alias="slave-serve-stale-data",
        ignored=True,
    )
    replica_read_only: bool = directive(
        YES_OR_NO, "yes", "Whether a replica refuses writing.", alias="slave-read-only", ignored=True
    )
    replica_priority: int = directive(
        COUNT,
        "100",
        "Rank among the replicas to be promoted; 0 for never.",
        alias="slave-priority",
        ignored=True,
    )
    replica_announced: bool = directive(
        YES_OR_NO, "yes", "Whether Sentinel tells of this replica.", ignored=True
    )
    replica_announce_ip: str = directive(
        TEXT, "", "Address to tell the primary.", alias="slave-announce-ip", ignored=True
    )
    replica_announce_port: int = directive(
        PORT, "0", "Port to tell the primary.", alias="slave-announce-port", ignored=True
    )
    replica_ignore_maxmemory: bool = directive(
        YES_OR_NO,
        "yes",
        "Whether a replica leaves eviction to its primary.",
        alias="slave-ignore-maxmemory",
        ignored=True,
    )
    replica_ignore_disk_write_errors: bool = directive(
        YES_OR_NO, "no", "Whether a replica goes on when its disk fails.", ignored=True
    )
    replica_lazy_flush: bool = directive(
        YES_OR_NO,
        "no",
        "Whether a replica empties itself in the background.",
        alias="slave-lazy-flush",
        ignored=True,
    )
    replica_full_sync_buffer_limit: int = directive(
        BYTES, "0", "Most bytes a replica gathers during a full resynchronisation.", ignored=True
    )
    repl_diskless_sync: bool = directive(
        YES_OR_NO, "yes", "Whether snapshots for replicas go straight to the socket.", ignored=True
    )
    repl_diskless_sync_delay: int = directive(COUNT, "5", "Seconds to wait for more replicas.", ignored=True)
    repl_diskless_sync_max_replicas: int = directive(
        COUNT, "0", "Replicas after which not to wait; 0 for any number.", ignored=True
    )
    repl_diskless_load: str = directive(
        Choice("disabled", "on-empty-db", "swapdb"),
        "disabled",
        "Whether a replica loads straight from the socket.",
        ignored=True,
    )
    repl_rdb_channel: bool = directive(
        YES_OR_NO,
        "yes",
        "Whether a full resynchronisation has a connection of its own.",
        hidden=True,
        ignored=True,
    )
    repl_disable_tcp_nodelay: bool = directive(
        YES_OR_NO, "no", "Whether small writes to replicas wait for company.", ignored=True
    )
    repl_ping_replica_period: int = directive(
        POSITIVE, "10", "Seconds between pings to replicas.", alias="repl-ping-slave-period", ignored=True
    )
    repl_timeout: int = directive(
        POSITIVE, "60", "Seconds after which replication is given up.", ignored=True
    )
    repl_backlog_size: int = directive(
        Memory(1, LONG_MAX, clamp=(16384, LONG_MAX)),
        "1048576",
        "Bytes kept for replicas that come back.",
        ignored=True,
    )
    repl_backlog_ttl: int = directive(
        LONG, "3600", "Seconds without replicas after which nothing is kept; 0 for never.", ignored=True
    )
    min_replicas_to_write: int = directive(
        COUNT, "0", "Replicas without which writing is refused.", alias="min-slaves-to-write", ignored=True
    )
    min_replicas_max_lag: int = directive(
        COUNT, "10", "Seconds after which a replica does not count.", alias="min-slaves-max-lag", ignored=True
    )
    propagation_error_behavior: str = directive(
        Choice("ignore", "panic", "panic-on-replicas"),
        "ignore",
        "What to do when a replicated command fails.",
        ignored=True,
    )

    # Cluster
    cluster_enabled: bool = directive(
        YES_OR_NO, "no", "Whether the server is a node of a cluster.", access="fixed", ignored=True
    )
    cluster_config_file: str = directive(
        TEXT, "nodes.conf", "File in which the node keeps the cluster's state.", access="fixed", ignored=True
    )
    cluster_node_timeout: int = directive(
        LONG, "15000", "Milliseconds after which a silent node has failed.", ignored=True
    )
    cluster_port: int = directive(
        PORT, "0", "Port of the bus; 0 for the port plus 10000.", access="fixed", ignored=True
    )
    cluster_announce_ip: str = directive(TEXT, "", "Address to tell other nodes.", ignored=True)
    cluster_announce_hostname: str = directive(HostName(), "", "Host name to tell clients.", ignored=True)
    cluster_announce_human_nodename: str = directive(
        NodeName(), "", "Name of the node in logs.", ignored=True
    )
    cluster_announce_port: int = directive(PORT, "0", "Port to tell other nodes.", ignored=True)
    cluster_announce_tls_port: int = directive(PORT, "0", "TLS port to tell other nodes.", ignored=True)
    cluster_announce_bus_port: int = directive(PORT, "0", "Bus port to tell other nodes.", ignored=True)
    cluster_preferred_endpoint_type: str = directive(
        Choice("ip", "hostname", "unknown-endpoint"), "ip", "What redirections name.", ignored=True
    )
    cluster_require_full_coverage: bool = directive(
        YES_OR_NO, "yes", "Whether all slots must be served for any to be.", ignored=True
    )
    cluster_allow_reads_when_down: bool = directive(
        YES_OR_NO, "no", "Whether a failed cluster answers reads.", ignored=True
    )
    cluster_allow_pubsubshard_when_down: bool = directive(
        YES_OR_NO, "yes", "Whether a failed cluster publishes to shards.", ignored=True
    )
    cluster_migration_barrier: int = directive(COUNT, "1", "Replicas that a primary keeps.", ignored=True)
    cluster_allow_replica_migration: bool = directive(
        YES_OR_NO, "yes", "Whether replicas move to primaries without any.", ignored=True
    )
    cluster_replica_validity_factor: int = directive(
        COUNT,
        "10",
        "How stale a replica may be to be promoted.",
        alias="cluster-slave-validity-factor",
        ignored=True,
    )
    cluster_replica_no_failover: bool = directive(
        YES_OR_NO,
        "no",
        "Whether a replica is never promoted by itself.",
        alias="cluster-slave-no-failover",
        ignored=True,
    )
    cluster_link_sendbuf_limit: int = directive(
        Memory(0, ULONG_MAX), "0", "Most bytes waiting on a link of the bus; 0 for no limit.", ignored=True
    )
    cluster_compatibility_sample_ratio: int = directive(
        Integer(0, 100), "0", "Percentage of calls checked for what a cluster would refuse.", ignored=True
    )


BY_NAME: Final = {name: one for one in Settings.directives for name in (one.name, one.alias) if name}
"""Every directive under its name, and those with an alias under that too."""
