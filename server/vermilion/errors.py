"""Every error text of the server in one place: constants, and functions where a text takes parameters.

Each is compared byte for byte with Redis 8.0 by the conformance corpus. Constants are texts, not exceptions:
a shared exception instance would grow its traceback for ever, so that each `raise RespError(...)` makes one.
"""

from typing import Final


class RespError(Exception):
    """An error reply: raised by a command, or a value inside an array reply.

    Args:
        message: the whole line after the `-`, its code first, such as `ERR syntax error`. Bytes that are not
            UTF-8 travel as lone surrogates (`surrogateescape`).
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def code(self) -> str:
        """The first word: what clients switch on, and what INFO errorstats counts."""
        return self.message.partition(" ")[0]


class CountedError(RespError):
    """An error reply that INFO has counted already: a script hands on what a command in it was refused with."""


def text(raw: bytes) -> str:
    """Return bytes from a client as text for an error; every byte survives the way back to the wire."""
    return raw.decode("utf-8", "surrogateescape")


# Any command ---------------------------------------------------------------------------------------------

SYNTAX: Final = "ERR syntax error"
WRONG_TYPE: Final = "WRONGTYPE Operation against a key holding the wrong kind of value"
NO_SUCH_KEY: Final = "ERR no such key"
NOT_AN_INTEGER: Final = "ERR value is not an integer or out of range"
NUMKEYS_NOT_POSITIVE: Final = "ERR numkeys should be greater than 0"
NOT_A_FLOAT: Final = "ERR value is not a valid float"
OUT_OF_RANGE: Final = "ERR value is out of range"
OUT_OF_RANGE_POSITIVE: Final = "ERR value is out of range, must be positive"
INDEX_OUT_OF_RANGE: Final = "ERR index out of range"
DB_INDEX_OUT_OF_RANGE: Final = "ERR DB index is out of range"
NO_AUTH: Final = "NOAUTH Authentication required."
INTERNAL: Final = "ERR internal error, see the server's log"
OUT_OF_MEMORY: Final = "OOM command not allowed when used memory > 'maxmemory'."

_SHOWN: Final = 128


def _shown(raw: bytes, size: int = _SHOWN) -> bytes:
    """The part of a client's bytes that an error shows: Redis prints C strings, which end at a NUL."""
    return raw[:size].partition(b"\0")[0]


def unknown_command(argv: list[bytes]) -> str:
    """The name and the first arguments, each cut at 128 bytes, about 128 bytes of arguments in all."""
    shown = b""
    for arg in argv[1:]:
        if len(shown) >= _SHOWN:
            break
        shown += b"'%b' " % _shown(arg, _SHOWN - len(shown))
    return f"ERR unknown command '{text(_shown(argv[0]))}', with args beginning with: {text(shown)}"


def unknown_subcommand(container: str, name: bytes) -> str:
    """A container's subcommand that does not exist."""
    return f"ERR unknown subcommand '{text(_shown(name))}'. Try {container.upper()} HELP."


def wrong_subcommand(container: str, name: bytes) -> str:
    """A subcommand that judges its arguments itself, with others than it takes."""
    return (
        f"ERR unknown subcommand or wrong number of arguments for '{text(_shown(name))}'."
        f" Try {container.upper()} HELP."
    )


def wrong_arity(name: str) -> str:
    """Too few or too many arguments; name is lower case, `container|sub` for subcommands."""
    return f"ERR wrong number of arguments for '{name}' command"


def invalid_expire(name: str) -> str:
    """An expiry of zero, less, or beyond what 64 bits of milliseconds hold."""
    return f"ERR invalid expire time in '{name}' command"


# Pub/Sub --------------------------------------------------------------------------------------------------

SSUBSCRIBE_DENIED: Final = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"


def only_while_unsubscribed(name: str) -> str:
    """What a client of RESP2 may not call while it is subscribed."""
    return (
        f"ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in"
        " this context"
    )


# Client-side caching --------------------------------------------------------------------------------------

TRACKING_PREFIX_WITHOUT_BCAST: Final = "ERR PREFIX option requires BCAST mode to be enabled"
TRACKING_SWITCHES_BCAST: Final = (
    "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with"
    " a different mode."
)
TRACKING_SWITCHES_OPT: Final = (
    "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with"
    " a different mode."
)
TRACKING_OPT_WITH_BCAST: Final = "ERR OPTIN and OPTOUT are not compatible with BCAST"
TRACKING_OPT_BOTH: Final = "ERR You can't specify both OPTIN mode and OPTOUT mode"
TRACKING_REDIRECTS_TWICE: Final = "ERR A client can only redirect to a single other client"
TRACKING_REDIRECTS_NOWHERE: Final = "ERR The client ID you want redirect to does not exist"
CACHING_WITHOUT_TRACKING: Final = (
    "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode"
    " enabled"
)
CACHING_YES_WITHOUT_OPTIN: Final = (
    "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
)
CACHING_NO_WITHOUT_OPTOUT: Final = (
    "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
)


def prefix_overlaps(prefix: bytes, which: str, other: bytes) -> str:
    """Two prefixes of which one begins the other."""
    return (
        f"ERR Prefix '{text(prefix)}' overlaps with {which} prefix '{text(other)}'. Prefixes for a single client must"
        " not overlap."
    )


# Connections ----------------------------------------------------------------------------------------------

WRONG_PASSWORD: Final = "WRONGPASS invalid username-password pair or user is disabled."
NO_PASSWORD_SET: Final = (
    "ERR AUTH <password> called without any password configured for the default user."
    " Are you sure your configuration is correct?"
)
PROTOCOL_NOT_AN_INTEGER: Final = "ERR Protocol version is not an integer or out of range"
UNSUPPORTED_PROTOCOL: Final = "NOPROTO unsupported protocol version"
HELLO_NEEDS_AUTH: Final = (
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user>"
    " <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)
INVALID_CLIENT_ID: Final = "ERR Invalid client ID"
CLIENT_ID_NOT_POSITIVE: Final = "ERR client-id should be greater than 0"
NO_SUCH_CLIENT: Final = "ERR No such client"
BAD_UNBLOCK_REASON: Final = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
UNBLOCKED: Final = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
MAXAGE_NOT_AN_INTEGER: Final = "ERR maxage is not an integer or out of range"
MAXAGE_NOT_POSITIVE: Final = "ERR maxage should be greater than 0"


def hello_option(word: bytes) -> str:
    """An option that HELLO does not know, or whose values are missing."""
    return f"ERR Syntax error in HELLO option '{text(word)}'"


def bad_client_name(what: str) -> str:
    """A name with bytes that would break the lines of CLIENT LIST."""
    return f"ERR {what} cannot contain spaces, newlines or special characters."


def unrecognized_option(word: bytes) -> str:
    """An attribute that CLIENT SETINFO does not know."""
    return f"ERR Unrecognized option '{text(word)}'"


def unknown_client_type(word: bytes) -> str:
    """A TYPE of clients that does not exist."""
    return f"ERR Unknown client type '{text(word)}'"


def no_such_user(name: bytes) -> str:
    """A user that does not exist."""
    return f"ERR No such user '{text(name)}'"


# Transactions, MONITOR, CLIENT PAUSE -----------------------------------------------------------------------

NESTED_MULTI: Final = "ERR MULTI calls can not be nested"
WATCH_IN_MULTI: Final = "ERR WATCH inside MULTI is not allowed"
EXEC_WITHOUT_MULTI: Final = "ERR EXEC without MULTI"
DISCARD_WITHOUT_MULTI: Final = "ERR DISCARD without MULTI"
NOT_IN_MULTI: Final = "ERR Command not allowed inside a transaction"
TRANSACTION_REFUSED: Final = "EXECABORT Transaction discarded because of previous errors."
MONITOR_CANNOT_WAIT: Final = "ERR MONITOR isn't allowed for DENY BLOCKING client"
MONITOR_USES_NO_KEYS: Final = "ERR Replica can't interact with the keyspace"
BAD_PAUSE_MODE: Final = "ERR CLIENT PAUSE mode must be WRITE or ALL"


def exec_refused(reason: str) -> str:
    """An EXEC that is refused itself, for the reason of another error."""
    return f"EXECABORT Transaction discarded because of: {reason.removeprefix('ERR ')}"


# Keys -----------------------------------------------------------------------------------------------------

SAME_OBJECT: Final = "ERR source and destination objects are the same"
EXPIRE_NX_WITH_OTHERS: Final = "ERR NX and XX, GT or LT options at the same time are not compatible"
EXPIRE_GT_WITH_LT: Final = "ERR GT and LT options at the same time are not compatible"
INVALID_CURSOR: Final = "ERR invalid cursor"
NOVALUES_OUTSIDE_HSCAN: Final = "ERR NOVALUES option can only be used in HSCAN"
FREQUENCY_NOT_TRACKED: Final = (
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching"
    " between policies at runtime LRU and LFU data will take some time to adjust."
)
IDLE_TIME_NOT_TRACKED: Final = (
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between"
    " policies at runtime LRU and LFU data will take some time to adjust."
)
TIMEOUT_NOT_AN_INTEGER: Final = "ERR timeout is not an integer or out of range"
TIMEOUT_NEGATIVE: Final = "ERR timeout is negative"
TIMEOUT_OUT_OF_RANGE: Final = "ERR timeout is out of range"
WAITAOF_WITHOUT_JOURNAL: Final = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."


def unsupported_option(word: bytes) -> str:
    """An option that EXPIRE and its like do not know."""
    return f"ERR Unsupported option {text(_shown(word, len(word)))}"


def not_between(low: int, high: int) -> str:
    """An integer outside the range that its argument has."""
    return f"ERR value is out of range, value must between {low} and {high}"


# SORT ----------------------------------------------------------------------------------------------------

SCORE_NOT_A_DOUBLE: Final = "ERR One or more scores can't be converted into double"

# DUMP and RESTORE ----------------------------------------------------------------------------------------

BUSY_KEY: Final = "BUSYKEY Target key name already exists."
INVALID_TTL: Final = "ERR Invalid TTL value, must be >= 0"
INVALID_IDLE_TIME: Final = "ERR Invalid IDLETIME value, must be >= 0"
INVALID_FREQUENCY: Final = "ERR Invalid FREQ value, must be >= 0 and <= 255"
BAD_PAYLOAD_FOOTER: Final = "ERR DUMP payload version or checksum are wrong"
BAD_PAYLOAD: Final = "ERR Bad data format"

# Strings --------------------------------------------------------------------------------------------------

INCREMENT_OVERFLOW: Final = "ERR increment or decrement would overflow"
DECREMENT_OVERFLOW: Final = "ERR decrement would overflow"
INCREMENT_NOT_FINITE: Final = "ERR increment would produce NaN or Infinity"
STRING_TOO_LONG: Final = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
OFFSET_OUT_OF_RANGE: Final = "ERR offset is out of range"
LCS_NEEDS_STRINGS: Final = "ERR The specified keys must contain string values"
LCS_LEN_AND_IDX: Final = "ERR If you want both the length and indexes, please just use IDX."
LCS_TOO_LONG: Final = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"

# Hashes ---------------------------------------------------------------------------------------------------

HASH_VALUE_NOT_AN_INTEGER: Final = "ERR hash value is not an integer"
HASH_VALUE_NOT_A_FLOAT: Final = "ERR hash value is not a float"
NOT_FINITE: Final = "ERR value is NaN or Infinity"
FIELDS_MISSING: Final = "ERR Mandatory argument FIELDS is missing or not at the right position"
NUMFIELDS_NOT_POSITIVE: Final = "ERR Number of fields must be a positive integer"
NUMFIELDS_TOO_SMALL: Final = "ERR Parameter `numFields` should be greater than 0"
NUMFIELDS_MISMATCH: Final = "ERR The `numfields` parameter must match the number of arguments"
NUMFIELDS_INVALID: Final = "ERR invalid number of fields"
FIELD_EXPIRE_NEGATIVE: Final = "ERR invalid expire time, must be >= 0"
FNX_WITH_FXX: Final = "ERR Only one of FXX or FNX arguments can be specified"
SEVERAL_EXPIRATIONS: Final = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"


def unknown_argument(word: bytes) -> str:
    """A word that HSETEX does not know."""
    return f"ERR unknown argument: {text(_shown(word, len(word)))}"


# Blocking -------------------------------------------------------------------------------------------------

TIMEOUT_NOT_A_FLOAT: Final = "ERR timeout is not a float or out of range"

# Lists ----------------------------------------------------------------------------------------------------

COUNT_NOT_POSITIVE: Final = "ERR count should be greater than 0"
RANK_ZERO: Final = (
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from"
    " the end of the list"
)
COUNT_NEGATIVE: Final = "ERR COUNT can't be negative"
MAXLEN_NEGATIVE: Final = "ERR MAXLEN can't be negative"

# Sets -----------------------------------------------------------------------------------------------------

MORE_KEYS_THAN_ARGUMENTS: Final = "ERR Number of keys can't be greater than number of args"
LIMIT_NEGATIVE: Final = "ERR LIMIT can't be negative"

# Sorted sets ---------------------------------------------------------------------------------------------

ZADD_XX_AND_NX: Final = "ERR XX and NX options at the same time are not compatible"
ZADD_GT_LT_NX: Final = "ERR GT, LT, and/or NX options at the same time are not compatible"
ZADD_INCR_PAIRS: Final = "ERR INCR option supports a single increment-element pair"
SCORE_NOT_A_NUMBER: Final = "ERR resulting score is not a number (NaN)"
NOT_A_SCORE_RANGE: Final = "ERR min or max is not a float"
NOT_A_LEX_RANGE: Final = "ERR min or max not valid string range item"
LIMIT_WITHOUT_BY: Final = (
    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
)
WITHSCORES_WITH_BYLEX: Final = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
WEIGHT_NOT_A_FLOAT: Final = "ERR weight value is not a float"


def no_input_key(name: str) -> str:
    """A command that combines sorted sets, and is given none."""
    return f"ERR at least 1 input key is needed for '{name}' command"


# Geo -----------------------------------------------------------------------------------------------------

UNKNOWN_UNIT: Final = "ERR unsupported unit provided. please use M, KM, FT, MI"
RADIUS_NOT_NUMERIC: Final = "ERR need numeric radius"
RADIUS_NEGATIVE: Final = "ERR radius cannot be negative"
WIDTH_NOT_NUMERIC: Final = "ERR need numeric width"
HEIGHT_NOT_NUMERIC: Final = "ERR need numeric height"
BOX_NEGATIVE: Final = "ERR height or width cannot be negative"
NO_SUCH_PLACE: Final = "ERR could not decode requested zset member"
ANY_WITHOUT_COUNT: Final = "ERR the ANY argument requires COUNT argument"
GEO_COUNT_NOT_POSITIVE: Final = "ERR COUNT must be > 0"


def no_place(longitude: float, latitude: float) -> str:
    """Coordinates beyond the map."""
    return f"ERR invalid longitude,latitude pair {longitude:f},{latitude:f}"


def stores_no_details(what: str) -> str:
    """A search that is stored, and asks for what only a reply could show."""
    return f"ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"


def no_single_centre(name: bytes) -> str:
    """A search from nowhere."""
    return f"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {text(name)}"


def no_single_shape(name: bytes) -> str:
    """A search without a shape."""
    return f"ERR exactly one of BYRADIUS and BYBOX can be specified for {text(name)}"


# Bitmaps -------------------------------------------------------------------------------------------------

BIT_OFFSET: Final = "ERR bit offset is not an integer or out of range"
NOT_A_BIT: Final = "ERR bit is not an integer or out of range"
NOT_ZERO_OR_ONE: Final = "ERR The bit argument must be 1 or 0."
BITOP_NOT_OF_SEVERAL: Final = "ERR BITOP NOT must be called with a single source key."
BAD_FIELD_TYPE: Final = (
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
)
BAD_OVERFLOW: Final = "ERR Invalid OVERFLOW type specified"
BITFIELD_READ_ONLY: Final = "ERR BITFIELD_RO only supports the GET subcommand"

# HyperLogLogs --------------------------------------------------------------------------------------------

NOT_A_HYPERLOGLOG: Final = "WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPT_HYPERLOGLOG: Final = "INVALIDOBJ Corrupted HLL object detected"
HYPERLOGLOG_NOT_SPARSE: Final = "ERR HLL encoding is not sparse"
NO_SUCH_HYPERLOGLOG: Final = "ERR The specified key does not exist"
NOT_ON_OR_OFF: Final = "ERR Argument must be ON or OFF"


def unknown_pfdebug_call(name: bytes) -> str:
    """A subcommand of PFDEBUG that does not exist."""
    return f"ERR Unknown PFDEBUG subcommand '{text(_shown(name))}'"


def self_test_failed(fault: str) -> str:
    """What PFSELFTEST found."""
    return f"TESTFAILED {fault}"


# Streams --------------------------------------------------------------------------------------------------

INVALID_STREAM_ID: Final = "ERR Invalid stream ID specified as stream command argument"
INVALID_START_ID: Final = "ERR invalid start ID for the interval"
INVALID_END_ID: Final = "ERR invalid end ID for the interval"
STREAM_ID_ZERO: Final = "ERR The ID specified in XADD must be greater than 0-0"
STREAM_ID_TOO_SMALL: Final = (
    "ERR The ID specified in XADD is equal or smaller than the target stream top item"
)
STREAM_EXHAUSTED: Final = "ERR The stream has exhausted the last possible ID, unable to add more items"
TRIM_MAXLEN_NEGATIVE: Final = "ERR The MAXLEN argument must be >= 0."
TRIM_LIMIT_NEGATIVE: Final = "ERR The LIMIT argument must be >= 0."
MAXLEN_WITH_MINID: Final = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
LIMIT_WITHOUT_STRATEGY: Final = (
    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
)
LIMIT_WITHOUT_APPROXIMATION: Final = "ERR syntax error, LIMIT cannot be used without the special ~ option"
XTRIM_WITHOUT_STRATEGY: Final = "ERR syntax error, XTRIM must be called with a trimming strategy"
XREAD_NEW_ID: Final = (
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)
XREAD_UNBALANCED: Final = (
    "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified."
)
XREADGROUP_UNBALANCED: Final = (
    "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
)
XREADGROUP_WITHOUT_GROUP: Final = "ERR Missing GROUP option for XREADGROUP"
XSETID_BELOW_TOP: Final = "ERR The ID specified in XSETID is smaller than the target stream top item"
XSETID_BELOW_DELETED: Final = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
XSETID_BELOW_GIVEN: Final = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
ENTRIES_ADDED_NEGATIVE: Final = "ERR entries_added must be positive"
ENTRIES_ADDED_BELOW_LENGTH: Final = (
    "ERR The entries_added specified in XSETID is smaller than the target stream length"
)
ENTRIES_READ_NEGATIVE: Final = "ERR value for ENTRIESREAD must be positive or -1"
XGROUP_NO_KEY: Final = (
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM"
    " option to create an empty stream automatically."
)
GROUP_EXISTS: Final = "BUSYGROUP Consumer Group name already exists"
XAUTOCLAIM_COUNT: Final = "ERR COUNT must be > 0"
XAUTOCLAIM_COUNT_TOO_HIGH: Final = (
    "ERR Insufficient memory, failed allocating transient memory, COUNT too high."
)


def _printed(raw: bytes) -> str:
    """Return the whole of a client's bytes as Redis prints them, up to a NUL."""
    return text(_shown(raw, len(raw)))


def no_group(key: bytes, group: bytes, where: str = "") -> str:
    """A key or a consumer group that does not exist."""
    return f"NOGROUP No such key '{_printed(key)}' or consumer group '{_printed(group)}'{where}"


def no_group_of_key(key: bytes, group: bytes) -> str:
    """A consumer group that an existing key does not have."""
    return f"NOGROUP No such consumer group '{_printed(group)}' for key name '{_printed(key)}'"


def xreadgroup_only(option: str) -> str:
    """An option that XREAD does not have."""
    return f"ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."


def meaningless_id(word: str) -> str:
    """An id that XREADGROUP does not take."""
    return (
        f"ERR The {word} ID is meaningless in the context of XREADGROUP: you want to read the history of this"
        " consumer by specifying a proper ID, or use the > ID to get new messages."
        f" The {word} ID would just return an empty result set."
    )


def invalid_min_idle(name: str) -> str:
    """A least idle time that is no integer."""
    return f"ERR Invalid min-idle-time argument for {name}"


def invalid_xclaim_option(name: str) -> str:
    """An option of XCLAIM whose value is no integer."""
    return f"ERR Invalid {name} option argument for XCLAIM"


def unrecognized_xclaim_option(word: bytes) -> str:
    """A word that XCLAIM does not know."""
    return f"ERR Unrecognized XCLAIM option '{_printed(word)}'"


# The server group ----------------------------------------------------------------------------------------

INVALID_COMMAND: Final = "ERR Invalid command specified"
NO_KEY_ARGUMENTS: Final = "ERR The command has no key arguments"
INVALID_KEY_ARGUMENTS: Final = "ERR Invalid arguments specified for command"
INVALID_ARGUMENT_COUNT: Final = "ERR Invalid number of arguments specified for command"
INVALID_FIRST_DB: Final = "ERR invalid first DB index"
INVALID_SECOND_DB: Final = "ERR invalid second DB index"
NO_SHUTDOWN: Final = "ERR No shutdown in progress."
SHUTDOWN_FAILED: Final = "ERR Errors trying to SHUTDOWN. Check logs."
NOT_SAVED: Final = "ERR"
NOT_LOADED: Final = "ERR Error trying to load the RDB dump, check server logs."
SAVE_IN_PROGRESS: Final = "ERR Background save already in progress"
NOT_PERSISTED: Final = (
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that"
    " may modify the data set are disabled, because this instance is configured to report errors during writes if RDB"
    " snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB"
    " error."
)
NO_JOURNAL: Final = "this server keeps no journal; it saves snapshots: see the directive save"
"""Our own, as the next one: Redis would begin to keep one."""
NO_JOURNAL_TO_REWRITE: Final = (
    "ERR BGREWRITEAOF is not possible: this server keeps no journal; BGSAVE saves a snapshot"
)
DEBUG_NOT_ALLOWED: Final = (
    'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a'
    " local connection, otherwise you need to set this option in the configuration file, and then restart the server."
)


# ACL -----------------------------------------------------------------------------------------------------

ACL_SYNTAX: Final = "Syntax error"
ACL_UNKNOWN_COMMAND: Final = "Unknown command or category name in ACL"
ACL_FIRST_ARGUMENT_OF_SUBCOMMAND: Final = "Allowing first-arg of a subcommand is not supported"
ACL_KEYS_AFTER_ALL: Final = (
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect."
    " Try 'resetkeys' to start with an empty list of patterns"
)
ACL_CHANNELS_AFTER_ALL: Final = (
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect."
    " Try 'resetchannels' to start with an empty list of channels"
)
ACL_NO_SUCH_PASSWORD: Final = "The password you are trying to remove from the user does not exist"
ACL_BAD_HASH: Final = (
    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
)
ACL_DUPLICATE: Final = "Duplicate user found. A user can only be defined once in config files"
ACL_BAD_USER_NAME: Final = "ERR Usernames can't contain spaces or null characters"
ACL_SPACES_AT_START: Final = "Spaces not allowed in ACL usernames"
ACL_DEFAULT_STAYS: Final = "ERR The 'default' user cannot be removed"
ACL_GENPASS_BITS: Final = (
    "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number"
    " up to 4096"
)
ACL_NO_FILE: Final = (
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL"
    " SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to"
    " store users in the Redis configuration."
)
ACL_NOT_SAVED: Final = (
    "ERR There was an error trying to save the ACLs. Please check the server logs for more information"
)
ACL_FILE_UNMATCHED: Final = "Unmatched parenthesis in selector definition"
ACL_FILE_REFUSED: Final = (
    "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
)
ACL_FILE_AND_USERS: Final = (
    "Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. This"
    " setup is very likely to lead to configuration errors and security holes, please define either an ACL file or"
    " declare users directly in your redis.conf, but not both."
)
NO_KEY_PERMISSION: Final = "NOPERM No permissions to access a key"
NO_CHANNEL_PERMISSION: Final = "NOPERM No permissions to access a channel"


def no_command_permission(user: bytes, command: str) -> str:
    """A user who may not run a command."""
    return f"NOPERM User {_printed(user)} has no permissions to run the '{command}' command"


def no_access(user: bytes, what: str, name: bytes) -> str:
    """What ACL DRYRUN says of a key or a channel that a user may not use."""
    return f"User {text(user)} has no permissions to access the '{text(name)}' {what}"


def lost_permission(what: str) -> str:
    """A queued call that its user may not make any more when EXEC comes."""
    return (
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call."
        f" This command is no longer allowed for the following reason: {what}"
    )


def sort_permission(option: str) -> str:
    """An option of SORT that reads keys of any name."""
    return f"ERR {option} option of SORT denied due to insufficient ACL permissions."


def acl_modifier(rule: bytes, reason: str) -> str:
    """A rule that ACL SETUSER refuses."""
    return f"ERR Error in ACL SETUSER modifier '{_printed(rule)}': {reason}"


def acl_unmatched(word: bytes) -> str:
    """A selector without an end."""
    return f"ERR Unmatched parenthesis in acl selector starting at '{_printed(word)}'."


def acl_user_declaration(word: str, reason: str) -> str:
    """A user in the configuration file who cannot be."""
    return f"Error in user declaration '{word}': {reason}"


def acl_rule_at_start(name: bytes, rule: bytes, reason: str) -> str:
    """A rule of a user in the configuration file."""
    return f"Error loading ACL rule '{text(rule)}' for the user named '{text(name)}': {reason}"


def acl_aborted(reason: str) -> str:
    """A start that an ACL file prevents."""
    return f"Aborting Redis startup because of ACL errors: {reason}"


def acl_file_keyword(source: str, number: int) -> str:
    """A line of an ACL file that declares no user."""
    return f"{source}:{number} should start with user keyword followed by the username. "


def acl_file_duplicate(name: bytes, number: int) -> str:
    """A user whom an ACL file declares twice."""
    return f"WARNING: Duplicate user '{text(name)}' found on line {number}. "


def acl_file_line(source: str, number: int, reason: str) -> str:
    """A line of an ACL file with a bad rule."""
    return f"{source}:{number}: {reason}. "


def acl_file_rule(source: str, number: int, rule: bytes, reason: str) -> str:
    """A rule of an ACL file about a command that does not exist."""
    return f"{source}:{number}: Error in applying operation '{text(rule)}': {reason}. "


def acl_file_unreadable(source: str, reason: str) -> str:
    """An ACL file that cannot be opened."""
    return f"Error loading ACLs, opening file '{source}': {reason}"


def unknown_category(name: bytes) -> str:
    """A category that ACL CAT does not know."""
    return f"ERR Unknown category '{_printed(name)}'"


def user_not_found(name: bytes) -> str:
    """A user whom ACL DRYRUN does not find."""
    return f"ERR User '{_printed(name)}' not found"


def command_not_found(name: bytes) -> str:
    """A command that ACL DRYRUN does not find."""
    return f"ERR Command '{_printed(name)}' not found"


# Cluster, replication, modules ---------------------------------------------------------------------------

CLUSTER_DISABLED: Final = "ERR This instance has cluster support disabled"
INVALID_PRIMARY_PORT: Final = "ERR Invalid master port"
NOT_A_REPLICA: Final = "ERR REPLICAOF is not possible: this server does not replicate"
"""Our own, as the next one: Redis would begin."""
NO_REPLICATION_STREAM: Final = "ERR this server sends no replication stream"
FAILOVER_TIMEOUT: Final = "ERR FAILOVER timeout must be greater than 0"
NO_FAILOVER: Final = "ERR No failover in progress."
NO_REPLICAS: Final = "ERR FAILOVER requires connected replicas."
MODULE_NOT_ALLOWED: Final = (
    'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a'
    " local connection, otherwise you need to set this option in the configuration file, and then restart the server."
)
MODULE_NOT_LOADED: Final = "ERR Error loading the extension. Please check the server logs."
NO_SUCH_MODULE: Final = "ERR Error unloading module: no such module with that name"


def unknown_replconf_option(word: bytes) -> str:
    """An option that REPLCONF does not know."""
    return f"ERR Unrecognized REPLCONF option: {_printed(word)}"


def unsupported_rdb_filter(word: bytes) -> str:
    """Contents of a snapshot that no replica can ask for."""
    return f"ERR Unsupported rdb-filter-only option: {_printed(word)}"


def unknown_rdb_client(number: bytes) -> str:
    """A client that receives no snapshot."""
    return f"ERR Unrecognized RDB client id: {_printed(number)}"


MIGRATE_KEYS_AND_KEY: Final = (
    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
)
MIGRATE_REFUSED: Final = "ERR MIGRATE is not possible: this server opens no connections; use DUMP and RESTORE"
"""Our own: Redis would connect."""

# DEBUG ---------------------------------------------------------------------------------------------------

RELOAD_OPTIONS: Final = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
NOT_A_LISTPACK: Final = "ERR Not a listpack encoded object."
NOT_A_HASH_TABLE: Final = "ERR The value stored at the specified key is not represented using an hash table"
NO_SUCH_DATABASE: Final = "ERR Out of range database"
PACKED_THRESHOLD: Final = "ERR argument must be a memory value bigger than 1 and smaller than 4gb"
NOT_A_PROTOCOL_TYPE: Final = (
    "ERR Wrong protocol type name. Please use one of the following:"
    " string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
)
NOT_IN_RESP2: Final = "ERR RESP2 is not supported by this command"
CLIENT_EVICTION_OFF: Final = "ERR maxmemory-clients is disabled."


# Vector sets ----------------------------------------------------------------------------------------------

INVALID_VECTOR: Final = "ERR invalid vector specification"
INVALID_OPTION_AFTER_ELEMENT: Final = "ERR invalid option after element"
INVALID_LINKS: Final = "ERR invalid M"
INVALID_EFFORT: Final = "ERR invalid EF"
INVALID_SIMILAR_COUNT: Final = "ERR invalid COUNT"
INVALID_EPSILON: Final = "ERR invalid EPSILON"
INVALID_FILTER_EFFORT: Final = "ERR invalid FILTER-EF"
INVALID_VECTOR_OPTION: Final = "ERR invalid option"
QUANTIZATION_MISMATCH: Final = "ERR asked quantization mismatch with existing vector set"
LINKS_MISMATCH: Final = "ERR asked M value mismatch with existing vector set"
NO_PROJECTION: Final = "ERR cannot add projection to existing set without projection"
NO_VECTOR_SET: Final = "ERR key does not exist"
NO_SUCH_ELEMENT: Final = "ERR element not found in set"
FILTER_TOO_LONG: Final = "ERR FILTER expression is too long"  # our own
VSIM_SYNTAX: Final = "ERR syntax error in VSIM command"
RANDOM_COUNT_NOT_AN_INTEGER: Final = "ERR COUNT value is not an integer"
NOT_COPYABLE: Final = "ERR not supported for this module key"


def dimension_mismatch(got: int, has: int) -> str:
    """A vector of other dimensions than those in the set."""
    return f"ERR Vector dimension mismatch - got {got} but set has {has}"


def input_dimension_mismatch(got: int, expected: int) -> str:
    """A vector of other dimensions than those that the set projects."""
    return f"ERR Input dimension mismatch for projection - got {got} but projection expects {expected}"


def filter_syntax(near: bytes) -> str:
    """A filter expression that is none, from where it is not understood."""
    return f"ERR syntax error in FILTER expression near: {text(near)}"


# Scripts and functions ------------------------------------------------------------------------------------

NO_SCRIPTING: Final = "ERR this server runs no scripts"
NO_SCRIPT: Final = "NOSCRIPT No matching script. Please use EVAL."
NUMKEYS_NEGATIVE: Final = "ERR Number of keys can't be negative"
NUMKEYS_TOO_LARGE: Final = "ERR Number of keys can't be greater than number of args"
BAD_NUMKEYS: Final = "ERR Bad number of keys provided"
UNKNOWN_IN_SCRIPT: Final = "ERR Unknown Redis command called from script"
WRONG_ARITY_IN_SCRIPT: Final = "ERR Wrong number of args calling Redis command from script"
NOT_ALLOWED_IN_SCRIPT: Final = "ERR This Redis command is not allowed from script"
WRITE_IN_READ_ONLY_SCRIPT: Final = "ERR Write commands are not allowed from read-only scripts."
NOT_A_READ_ONLY_SCRIPT: Final = "ERR Can not execute a script with write flag using *_ro command."
INVALID_ACL_CHECK: Final = "ERR Invalid command passed to redis.acl_check_cmd()"
SCRIPT_FAILED: Final = "ERR unknown error"
SCRIPT_OUT_OF_MEMORY: Final = "ERR not enough memory for scripts"
INVALID_SHEBANG: Final = "ERR Invalid script shebang"
SCRIPT_FLUSH_OPTION: Final = "ERR SCRIPT FLUSH only support SYNC|ASYNC option"
SCRIPT_DEBUG_OPTION: Final = "ERR Use SCRIPT DEBUG YES/SYNC/NO"
NO_SCRIPT_DEBUGGER: Final = "ERR SCRIPT DEBUG is not supported"
BUSY_SCRIPT: Final = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
BUSY_FUNCTION: Final = (
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
)
NOT_BUSY: Final = "NOTBUSY No scripts in execution right now."
UNKILLABLE: Final = (
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the"
    " script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)
KILLED_SCRIPT: Final = "ERR Script killed by user with SCRIPT KILL..."
FUNCTION_NOT_FOUND: Final = "ERR Function not found"
LIBRARY_NOT_FOUND: Final = "ERR Library not found"
NO_LIBRARY_METADATA: Final = "ERR Missing library metadata"
INVALID_LIBRARY_METADATA: Final = "ERR Invalid library metadata"
NO_LIBRARY_NAME: Final = "ERR Library name was not given"
BAD_FUNCTION_NAME: Final = (
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one character"
    " long"
)
BAD_LIBRARY_NAME: Final = f"ERR {BAD_FUNCTION_NAME}"
NAME_GIVEN_TWICE: Final = "ERR Invalid metadata value, name argument was given multiple times"
NOT_A_FUNCTION: Final = "ERR given type is not a function"
OLD_FUNCTION_FORMAT: Final = "ERR Pre-GA function format not supported"
BAD_FUNCTIONS: Final = "ERR Failed loading functions payload"
SCRIPT_ABANDONED: Final = "ERR the server stops"
NO_FUNCTIONS: Final = "ERR No functions registered"
FUNCTION_FLUSH_OPTION: Final = "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"
NO_LIBRARY_PATTERN: Final = "ERR library name argument was not given"
RESTORE_POLICY: Final = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."


def script_does_not_compile(reason: bytes) -> str:
    """A script that is no Lua."""
    return f"ERR Error compiling script (new function): {text(reason)}"


def denied_in_script(reason: str) -> str:
    """A call that the user of a script may not make."""
    return f"ERR ACL failure in script: {reason}"


def unexpected_engine(name: str) -> str:
    """A script whose first line asks for another language."""
    return f"ERR Unexpected engine in script shebang: {name}"


def unknown_shebang_option(option: str) -> str:
    """A word that the first line of a script may not have."""
    return f"ERR Unknown lua shebang option: {option}"


def unexpected_flag(flag: str) -> str:
    """A flag that no script has."""
    return f"ERR Unexpected flag in script shebang: {flag}"


def engine_not_found(name: str) -> str:
    """A library in another language."""
    return f"ERR Engine '{name}' not found"


def invalid_metadata(option: str) -> str:
    """A word that the first line of a library may not have."""
    return f"ERR Invalid metadata value given: {option}"


def library_exists(name: str) -> str:
    """A library that is there already."""
    return f"ERR Library '{name}' already exists"


def restored_library_exists(name: str) -> str:
    """A library of a payload that is there already."""
    return f"ERR Library {name} already exists"


def function_exists(name: str) -> str:
    """A function that another library has."""
    return f"ERR Function {name} already exists"


def library_does_not_compile(reason: str) -> str:
    """A library that is no Lua."""
    return f"ERR Error compiling function: {reason}"


def library_failed(reason: str) -> str:
    """A library whose code raised an error."""
    return f"ERR Error registering functions: {reason}"


def unknown_load_option(option: bytes) -> str:
    """A word that FUNCTION LOAD does not know."""
    return f"ERR Unknown option given: {text(option)}"


def unknown_list_argument(argument: bytes) -> str:
    """A word that FUNCTION LIST does not know."""
    return f"ERR Unknown argument {text(argument)}"


# CONFIG -------------------------------------------------------------------------------------------------

CONFIG_IMMUTABLE: Final = "can't set immutable config"
CONFIG_PROTECTED: Final = "can't set protected config"
CONFIG_DUPLICATE: Final = "duplicate parameter"
CONFIG_BAD_DIRECTIVE: Final = "Bad directive or wrong number of arguments"
CONFIG_BIND_FAILED: Final = "Failed to bind to specified addresses."
CONFIG_LISTEN_FAILED: Final = "Unable to listen on this port. Check server logs."
CONFIG_TLS_FAILED: Final = "Unable to update TLS configuration. Check server logs."


def too_many_clients(room: int) -> str:
    """A `maxclients` for which there are too few file descriptors."""
    return f"The operating system is not able to handle the specified number of clients, try with {room}"


NO_CONFIG_FILE: Final = "ERR The server is running without a config file"


def config_set_failed(name: str, reason: str) -> str:
    """Return what CONFIG SET answers when one of its directives is refused."""
    return f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"


def config_unknown(name: str) -> str:
    """Return what CONFIG SET answers for a directive that does not exist."""
    return f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'"


def config_rewrite_failed(reason: str) -> str:
    """Return what CONFIG REWRITE answers when the file cannot be written."""
    return f"ERR Rewriting config file: {reason}"


# Protocol errors: the connection closes after them --------------------------------------------------------

UNBALANCED_QUOTES: Final = "ERR Protocol error: unbalanced quotes in request"
TOO_BIG_INLINE: Final = "ERR Protocol error: too big inline request"
TOO_BIG_MBULK_COUNT: Final = "ERR Protocol error: too big mbulk count string"
TOO_BIG_BULK_COUNT: Final = "ERR Protocol error: too big bulk count string"
INVALID_MULTIBULK: Final = "ERR Protocol error: invalid multibulk length"
INVALID_BULK: Final = "ERR Protocol error: invalid bulk length"
UNAUTHENTICATED_MULTIBULK: Final = "ERR Protocol error: unauthenticated multibulk length"
UNAUTHENTICATED_BULK: Final = "ERR Protocol error: unauthenticated bulk length"
PROTOCOL_TLS: Final = "ERR Protocol error: TLS on a port that speaks none"


MAX_CLIENTS: Final = "ERR max number of clients reached"
PROTECTED_MODE: Final = (
    "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the"
    " default user. In this mode connections are only accepted from the loopback interface. If you want to connect"
    " from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode"
    " sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the"
    " same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do"
    " so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode"
    " by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting"
    " the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no'"
    " option. 4) Set up an authentication password for the default user. NOTE: You only need to do one of the above"
    " things in order for the server to start accepting connections from the outside."
)


def expected_dollar(found: bytes) -> str:
    """An argument that does not start as a bulk string does."""
    return f"ERR Protocol error: expected '$', got '{text(found)}'"


# A server behind this one --------------------------------------------------------------------------------

UPSTREAM_LOST: Final = "ERR upstream closed the connection before it answered; the call may have run"
UPSTREAM_TIMEOUT: Final = "ERR upstream did not answer in time; the call may have run"
UPSTREAM_FULL: Final = "ERR upstream has too many calls in flight; this one has not run"
UPSTREAM_NO_CONNECTION: Final = "ERR upstream has no free connection for this call; it has not run"
UPSTREAM_TRANSACTION_LOST: Final = "ERR upstream closed the connection; the transaction is lost"
UPSTREAM_EXEC_ABORT: Final = (
    "EXECABORT Transaction discarded because of: upstream closed the connection before EXEC"
)
UPSTREAM_MOVED: Final = "TRYAGAIN upstream has moved these keys to another node; the call has not run"
UPSTREAM_NO_NODE: Final = "CLUSTERDOWN upstream has no node for this slot; the call has not run"
CROSS_SLOT: Final = "CROSSSLOT Keys in request don't hash to the same slot"
UPSTREAM_CONFIG_MIXED: Final = (
    "ERR upstream has some of these directives and the proxy the others; set them by calls of their own"
)

UPSTREAM_SCRIPT_RESTRICTED: Final = (
    "NOPERM upstream does not know what this user may do: scripts are for users without restrictions"
)


def upstream_unavailable(reason: str) -> str:
    """There is no connection to upstream."""
    return f"ERR upstream is not available: {reason}; the call has not run"


def upstream_refused(argv: list[bytes]) -> str:
    """A command that cannot go through a proxy."""
    return f"ERR upstream is not given {text(_shown(argv[0])).upper()}: it does not work through a proxy"


# Slow calls and slow events -------------------------------------------------------------------------------

SLOWLOG_COUNT: Final = "ERR count should be greater than or equal to -1"


def no_samples(event: bytes) -> str:
    """LATENCY GRAPH of an event that has not been slow."""
    return f"ERR No samples available for event '{text(_shown(event, len(event)))}'"


# Servers for tests ----------------------------------------------------------------------------------------

NOT_A_DURATION: Final = (
    "ERR a duration is milliseconds, or numbers with ms, s, m, h or d behind them, as in 1h30m"
)
NOT_A_TIME: Final = "ERR a time is milliseconds since 1970, or a date as in 2030-01-01T12:00:00Z"
BEYOND_THE_CALENDAR: Final = "ERR no clock goes beyond the years 1970 to 9999"


def harness_refused(reason: ValueError) -> str:
    """What VERMILION was asked for cannot be."""
    return f"ERR {' '.join(str(reason).split())}"
