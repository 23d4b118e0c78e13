-- What scripts see: the globals, the API of `redis`, and the way into and out of a script.
--
-- Loaded once per runtime, before any script, with all of Lua's libraries still there. What scripts may not have is
-- not wrapped but gone from the globals; what they may not change are empty tables that read through to the real ones.
-- Nothing of Python's is within reach of a script: its callables are upvalues here, and their values plain ones.
--
-- A call of Python never raises, and what it returns is
--     one string, number or boolean    the reply; false is nil, true is the status OK
--     nil, "error", text               an error
--     nil, "flat" or "words", parts    anything else; `python.more` returns each part of what it is made of
-- What goes to Python from a script is alike: one plain value, or nil, a kind and what belongs to it.
--
-- In error positions (`[sandbox]:12: text`) this file's name stands for the line of the script that called it: the
-- handler of errors puts that in.

local python, libraries, is_function_engine, version, version_number, ceiling = ... -- the ceiling in KiB

local assert, collectgarbage, error, gcinfo, getmetatable, ipairs, loadstring, next, pairs, pcall, rawequal, rawget, rawset,
    select, setfenv, setmetatable, tonumber, tostring, type, unpack, xpcall =
    assert, collectgarbage, error, gcinfo, getmetatable, ipairs, loadstring, next, pairs, pcall, rawequal, rawget, rawset,
    select, setfenv, setmetatable, tonumber, tostring, type, unpack, xpcall
local coroutine, debug, math, os, string, table = coroutine, debug, math, os, string, table
local byte, dump, find, floor, format, getinfo, gsub, sethook, sub =
    string.byte, string.dump, string.find, math.floor, string.format, debug.getinfo, string.gsub, debug.sethook, string.sub
local globals = getfenv()

local SANDBOX = getinfo(1, "S").source
local READ_ONLY = "Attempt to modify a readonly table"
local PATTERN_LIMIT = 10000 -- each item of a pattern is a level of recursion in C, whose stack has an end

-- Tables that cannot be changed ----------------------------------------------------------------------------------

local behind = {} -- what a read-only table reads from, by that table

local function refuse()
    error(READ_ONLY, 2)
end

local function read_only(real)
    local shown = setmetatable({}, { __index = real, __newindex = refuse })
    behind[shown] = real
    return shown
end

-- Errors ---------------------------------------------------------------------------------------------------------

-- The innermost line of the script.
local function position()
    for level = 3, 5000 do
        local info = getinfo(level, "Sl")
        if not info then
            return nil
        end
        if info.what ~= "C" and info.what ~= "tail" and info.source ~= SANDBOX then
            return info
        end
    end
end

local MARK = "^%[sandbox%]:%d+: "

-- Make of any error a table with its text, and where it happened.
local function handle(err)
    local where = position()
    if type(err) ~= "table" then
        if type(err) == "userdata" then
            err = "internal error"
        end
        err = tostring(err)
        if find(err, MARK) then
            local before = where and sub(where.source, 1, 1) == "@" and sub(where.source, 2) .. ":" .. where.currentline .. ": "
            err = gsub(err, MARK, (gsub(before or "", "%%", "%%%%")), 1)
        end
        err = { err = "ERR " .. err }
    end
    if where and behind[err] == nil then
        rawset(err, "source", where.source)
        rawset(err, "line", where.currentline)
    end
    return err
end

local function text_of(ok, err, ...)
    if ok then
        return ok, err, ...
    end
    if type(err) == "table" then
        local text = rawget(err, "err")
        if type(text) == "string" then
            return false, text
        end
    elseif type(err) == "userdata" then
        return false, "internal error"
    elseif type(err) == "string" then
        return false, (gsub(err, MARK, "", 1))
    end
    return false, err
end

-- As in Redis, what is caught of an error of `redis.call` is its text.
local function protected_call(...)
    return text_of(pcall(...))
end

-- Replies of Redis as values of Lua --------------------------------------------------------------------------------

local function failure(text)
    return { err = text, ignore_error_stats_update = true }
end

local decode

-- Read the value at a place of a list of words; return it and the next place. `true` is the word that announces a
-- kind, and says how many values it is made of.
function decode(words, at)
    local word = words[at]
    if word ~= true then
        return word, at + 1
    end
    local kind, count = words[at + 1], words[at + 2]
    at = at + 3
    if kind == "array" then
        local found = {}
        for index = 1, count do
            found[index], at = decode(words, at)
        end
        return found, at
    elseif kind == "map" then
        local found = {}
        for _ = 1, count do
            local name, value
            name, at = decode(words, at)
            value, at = decode(words, at)
            if name ~= nil then
                found[name] = value
            end
        end
        return { map = found }, at
    elseif kind == "set" then
        local found = {}
        for _ = 1, count do
            local member
            member, at = decode(words, at)
            if member ~= nil then
                found[member] = true
            end
        end
        return { set = found }, at
    elseif kind == "ok" then
        return { ok = count }, at
    elseif kind == "err" then
        return failure(count), at
    elseif kind == "double" then
        return { double = count }, at
    elseif kind == "big" then
        return { big_number = count }, at
    elseif kind == "boolean" then
        return count == 1, at
    elseif kind == "nil" then
        return nil, at
    end
    return { verbatim_string = { format = count, string = words[at] } }, at + 1 -- "verbatim"
end

-- Fetch the words of a long reply, which comes in parts: a call has room for some thousands of values at most.
local function gather(parts)
    if parts == 1 then
        return { python.more() }
    end
    local words, size = {}, 0
    for _ = 1, parts do
        local taken = { python.more() }
        for index = 1, #taken do
            words[size + index] = taken[index]
        end
        size = size + #taken
    end
    return words
end

local function fetch(kind, raises, found)
    if kind == "flat" then
        return gather(found)
    elseif kind == "words" then
        return (decode(gather(found), 1))
    elseif raises then
        error(failure(found), 0)
    end
    return failure(found)
end

local function result(raises, reply, kind, found)
    if kind then
        return fetch(kind, raises, found)
    elseif reply == true then
        return { ok = "OK" }
    end
    return reply
end

-- Values of Lua as replies ---------------------------------------------------------------------------------------

local CHUNK = 200
local DEPTH = 400 -- more than anybody nests, and less than the stack of Python

local encode

-- Add a value to a list of words, the reverse of `decode`. What is no reply is nil.
function encode(value, words, size, depth)
    local kind = type(value)
    if kind == "string" or kind == "number" then
        words[size + 1] = value
        return size + 1
    elseif kind == "boolean" then
        words[size + 1], words[size + 2], words[size + 3] = true, "boolean", value and 1 or 0
        return size + 3
    elseif kind ~= "table" then
        words[size + 1] = false
        return size + 1
    end
    if depth > DEPTH then
        words[size + 1], words[size + 2], words[size + 3] = true, "err", "ERR reached lua stack limit"
        return size + 3
    end
    for index = 1, 2 do
        local name = index == 1 and "err" or "ok"
        local text = rawget(value, name)
        if type(text) == "string" then
            local counted = index == 1 and rawget(value, "ignore_error_stats_update") == true
            words[size + 1], words[size + 2], words[size + 3] = true, counted and "counted" or name, text
            return size + 3
        end
    end
    local number = rawget(value, "double")
    if type(number) == "number" then
        -- On the way to Python, a whole number becomes an integer, which has no negative zero.
        words[size + 1], words[size + 2], words[size + 3] = true, "double", number == 0 and number .. "" or number
        return size + 3
    end
    local members = rawget(value, "map")
    if type(members) == "table" then
        local head, count = size, 0
        size = size + 3
        for name, member in next, members do
            size = encode(name, words, size, depth + 1)
            size = encode(member, words, size, depth + 1)
            count = count + 1
        end
        words[head + 1], words[head + 2], words[head + 3] = true, "map", count
        return size
    end
    members = rawget(value, "set")
    if type(members) == "table" then
        local head, count = size, 0
        size = size + 3
        for member in next, members do
            size = encode(member, words, size, depth + 1)
            count = count + 1
        end
        words[head + 1], words[head + 2], words[head + 3] = true, "set", count
        return size
    end
    local digits = rawget(value, "big_number")
    if type(digits) == "string" then
        words[size + 1], words[size + 2], words[size + 3] = true, "big", digits
        return size + 3
    end
    local verbatim = rawget(value, "verbatim_string")
    if type(verbatim) == "table" then
        local text, format = rawget(verbatim, "string"), rawget(verbatim, "format")
        if type(text) == "string" and type(format) == "string" then
            words[size + 1], words[size + 2], words[size + 3], words[size + 4] = true, "verbatim", format, text
            return size + 4
        end
    end
    local head, count = size, 0
    size = size + 3
    while true do
        local member = rawget(value, count + 1)
        if member == nil then
            break
        end
        size = encode(member, words, size, depth + 1)
        count = count + 1
    end
    words[head + 1], words[head + 2], words[head + 3] = true, "array", count
    return size
end

-- How many members a list has that is nothing but some strings and numbers; nil for any other table.
local function flat_size(value)
    if getmetatable(value) or value.err ~= nil or value.ok ~= nil or value.double ~= nil or value.map ~= nil
        or value.set ~= nil or value.big_number ~= nil or value.verbatim_string ~= nil then
        return nil
    end
    for index = 1, CHUNK do
        local member = value[index]
        if member == nil then
            return index - 1
        end
        local kind = type(member)
        if kind ~= "string" and kind ~= "number" then
            return nil
        end
    end
end

local function hand_over(value)
    local count = flat_size(value)
    if count then
        return nil, "flat", unpack(value, 1, count)
    end
    local words = {}
    local size = encode(value, words, 0, 0)
    for start = 1, size - CHUNK, CHUNK do
        python.take(unpack(words, start, start + CHUNK - 1))
    end
    return nil, "words", unpack(words, size - (size - 1) % CHUNK, size)
end

local function plain(value)
    if type(value) == "string" or type(value) == "number" then
        return value
    end
end

local function finish(ok, value)
    if not ok then
        if type(value) ~= "table" then -- no memory was left for a table
            return nil, "error", "ERR " .. tostring(value), nil, nil, false
        end
        local text = plain(rawget(value, "err"))
        text = text and tostring(text)
        return nil, "error", text, plain(rawget(value, "source")), plain(rawget(value, "line")),
            rawget(value, "ignore_error_stats_update") == true
    end
    local kind = type(value)
    if kind == "string" or kind == "number" or kind == "boolean" then
        return value
    elseif kind == "table" then
        return hand_over(value)
    end
    return nil
end

-- What is given to a script ----------------------------------------------------------------------------------------

local staged = {} -- arguments that were too many for one call

local function stage(...)
    local size = #staged
    for index = 1, select("#", ...) do
        staged[size + index] = (select(index, ...))
    end
end

local function take_staged()
    local found = staged
    staged = {}
    return found
end

local function split(count, ...)
    if count == 0 then
        return {}, { ... }
    elseif count < 0 then -- the arguments are staged
        local all, keys, arguments = take_staged(), {}, {}
        count = -count - 1
        for index = 1, #all do
            if index <= count then
                keys[index] = all[index]
            else
                arguments[index - count] = all[index]
            end
        end
        return keys, arguments
    end
    local keys = { ... }
    for index = count + 1, #keys do
        keys[index] = nil
    end
    return keys, { select(count + 1, ...) }
end

-- The globals ------------------------------------------------------------------------------------------------------

local visible = {} -- what the globals of scripts read from

local function script_entry(chunk)
    return function(count, first, ...)
        if count == 1 then -- as most have
            visible.KEYS, visible.ARGV = { first }, { ... }
        else
            visible.KEYS, visible.ARGV = split(count, first, ...)
        end
        return finish(xpcall(chunk, handle))
    end
end

local function function_entry(callback)
    local keys, arguments
    local function body()
        return callback(keys, arguments)
    end
    return function(count, ...)
        keys, arguments = split(count, ...)
        return finish(xpcall(body, handle))
    end
end

for _, name in ipairs({ "_VERSION", "assert", "error", "gcinfo", "ipairs", "rawequal", "select", "tonumber", "tostring",
    "type", "xpcall" }) do
    visible[name] = globals[name]
end

visible.pcall = protected_call
if not is_function_engine then
    visible.__redis__err__handler = handle
end

function visible.next(...)
    local shown, key = ...
    local real = behind[shown]
    if real then
        return next(real, key)
    end
    return next(...)
end

function visible.pairs(...)
    local iterate, real, start = pairs(...)
    return iterate, behind[real] or real, start
end

function visible.rawget(...)
    local shown, key = ...
    return rawget(behind[shown] or shown, select(2, ...))
end

function visible.rawset(...)
    if behind[(...)] then
        error(READ_ONLY, 0)
    end
    return rawset(...)
end

function visible.setmetatable(...)
    if behind[(...)] then
        error(READ_ONLY, 0)
    end
    return setmetatable(...)
end

local environment = {} -- what every chunk of a script's code has as its globals: empty, it reads from `visible`
local string_metatable, globals_metatable

function visible.getmetatable(...)
    local shown = ...
    if shown == environment then
        return globals_metatable
    elseif behind[shown] then
        return nil
    elseif type(shown) == "string" then
        return string_metatable
    end
    return getmetatable(...)
end

function visible.unpack(list, first, last)
    -- The range is checked here: C would count it in an integer that overflows.
    if type(first) == "number" and type(last) == "number" and last - first >= 1e6 then
        error("too many results to unpack", 2)
    end
    return unpack(list, first, last)
end

function visible.loadstring(...)
    local source, name = ...
    if type(source) == "string" and byte(source) == 27 then
        return nil, '[string "\27Lua"]:1: unexpected symbol near \'char(27)\''
    end
    local chunk, text = loadstring(...)
    if chunk then
        setfenv(chunk, environment)
    end
    return chunk, text
end

function visible.load(read, name)
    if type(read) ~= "function" then
        error("bad argument #1 to 'load' (function expected, got " .. (read == nil and "no value" or type(read)) .. ")", 2)
    end
    local pieces = {}
    while true do
        local piece = read()
        if piece == nil or piece == "" then
            break
        elseif type(piece) == "number" then
            piece = tostring(piece)
        elseif type(piece) ~= "string" then
            return nil, "reader function must return a string"
        end
        pieces[#pieces + 1] = piece
    end
    return visible.loadstring(table.concat(pieces), name or "=(load)")
end

local harmless = { count = true, collect = true, step = true }

-- A script must not switch off what keeps the memory of all scripts small.
function visible.collectgarbage(option, argument)
    if option == nil or harmless[option] then
        return collectgarbage(option, argument)
    elseif option == "stop" or option == "restart" then
        return 0
    elseif option == "setpause" or option == "setstepmul" then
        return 200
    end
    return collectgarbage(option, argument)
end

-- Coroutines have hooks of their own; without one, an endless loop would hide in them.
local hook, hook_mask, hook_count

local function watch(thread)
    if hook then
        sethook(thread, hook, hook_mask, hook_count)
    end
    return thread
end

local coroutines = {}
for name, value in pairs(coroutine) do
    coroutines[name] = value
end
function coroutines.create(body)
    return watch(coroutine.create(body))
end
local function resumed(ok, ...)
    if ok then
        return ...
    end
    error((...), 0)
end
function coroutines.wrap(body)
    local thread = watch(coroutine.create(body))
    return function(...)
        return resumed(coroutine.resume(thread, ...))
    end
end

local strings = {}
for name, value in pairs(string) do
    strings[name] = value
end
for _, name in ipairs({ "find", "match", "gmatch", "gfind", "gsub" }) do
    local search = string[name]
    strings[name] = function(subject, pattern, ...)
        if type(pattern) == "string" and #pattern > PATTERN_LIMIT then
            error("pattern too complex", 2)
        end
        return search(subject, pattern, ...)
    end
end

local tables = {}
for name, value in pairs(table) do
    tables[name] = value
end
local insert = table.insert
function tables.insert(list, ...)
    if behind[list] then
        error(READ_ONLY, 0)
    end
    return insert(list, ...)
end

-- The generator of drand48, with Redis's seed: the same numbers on every machine.
local maths = {}
for name, value in pairs(math) do
    maths[name] = value
end
local high, low = 0x1234AB, 0xCD330E

local function chance()
    local product = low * 0xECE66D + 0xB
    local carry = floor(product / 0x1000000)
    high = (high * 0xECE66D + low * 0x5DE + carry) % 0x1000000
    low = product % 0x1000000
    return (high * 128 + floor(low / 0x20000)) % 0x7FFFFFFF / 0x7FFFFFFF
end

local function integer(value, place, name)
    local number = tonumber(value)
    if not number or type(value) == "boolean" then
        local kind = value == nil and "no value" or type(value)
        error("bad argument #" .. place .. " to '" .. name .. "' (number expected, got " .. kind .. ")", 3)
    end
    return number < 0 and -floor(-number) or floor(number)
end

function maths.random(...)
    local fraction = chance()
    local count = select("#", ...)
    if count == 0 then
        return fraction
    elseif count == 1 then
        local upper = integer(..., 1, "random")
        if upper < 1 or upper >= 0x80000000 then
            error("bad argument #1 to 'random' (interval is empty)", 2)
        end
        return floor(fraction * upper) + 1
    elseif count == 2 then
        local lower, upper = integer((...), 1, "random"), integer(select(2, ...), 2, "random")
        if lower > upper then
            error("bad argument #2 to 'random' (interval is empty)", 2)
        end
        return floor(fraction * (upper - lower + 1)) + lower
    end
    error("wrong number of arguments", 2)
end

function maths.randomseed(...)
    local seed = integer((...), 1, "randomseed") % 0x100000000
    high, low = floor(seed / 0x100), seed % 0x100 * 0x10000 + 0x330E
end

-- redis --------------------------------------------------------------------------------------------------------------

local redis = {
    LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
    REDIS_VERSION = version, REDIS_VERSION_NUM = version_number,
}

local BAD_ARGUMENT = "ERR Lua redis lib command arguments must be strings or integers"
local NO_ARGUMENT = "ERR Please specify at least one argument for this redis lib call"

-- A number as Redis writes it: an integer without a point, anything else with the digits that it takes.
local function number_text(number)
    if number == 0 then
        return "0"
    elseif number > -1e14 and number < 1e14 and number % 1 == 0 then
        return number .. ""
    elseif number == floor(number) and number > -0x8000000000000000 and number < 0x8000000000000000 then
        return format("%.0f", number)
    end
    return python.number_text(number)
end

-- Return a call's words as strings, or nil and what is wrong with them.
local function words_of(...)
    local count = select("#", ...)
    if count == 0 then
        return nil, NO_ARGUMENT
    end
    local words = { ... }
    for index = 1, count do
        local kind = type(words[index])
        if kind == "number" then
            words[index] = number_text(words[index])
        elseif kind ~= "string" then
            return nil, BAD_ARGUMENT
        end
    end
    return words
end

-- What runs the calls of a command, by its name as scripts spell it. What is spelled unusually, or has subcommands, is not
-- here: there is no end of such spellings.
local entrances = setmetatable({}, {
    __index = function(known, name)
        local found = type(name) == "string" and python.entrance(name)
        if found then
            found = python.as_function(found)
            known[name] = found
        end
        return found
    end,
})

-- Return `redis.call`, or `redis.pcall`. An entrance relies on there being room for a small reply, which is cheap to see
-- here; beyond the ceiling, `python.call` looks closely, and ends the script. What goes to Python is strings, always: a table would be wrapped by an object,
-- which takes memory where its lack could not be told.
local function caller(raises)
    return function(...)
        local name, a, b, c = ...
        local call, count = gcinfo() < ceiling and entrances[name], select("#", ...)
        local reply, kind, found
        if call and count == 2 and type(a) == "string" then
            reply, kind, found = call(a)
        elseif call and count == 3 and type(a) == "string" and (type(b) == "string" or type(b) == "number") then
            reply, kind, found = call(a, type(b) == "string" and b or number_text(b))
        elseif call and count == 4 and type(a) == "string" and type(b) == "string" and (type(c) == "string" or type(c) == "number") then
            reply, kind, found = call(a, b, type(c) == "string" and c or number_text(c))
        else
            local words, text = words_of(...)
            if not words then
                if raises then
                    error({ err = text }, 0)
                end
                return { err = text }
            elseif call then
                reply, kind, found = call(unpack(words, 2))
            else
                reply, kind, found = python.call(unpack(words))
            end
        end
        if kind == nil and reply ~= true then
            return reply
        end
        return result(raises, reply, kind, found)
    end
end

redis.call, redis.pcall = caller(true), caller(false)

local function one_field(field, ...)
    local text = ...
    if select("#", ...) ~= 1 or type(text) ~= "string" then
        return { err = "ERR wrong number or type of arguments" }
    end
    return { [field] = text }
end

function redis.error_reply(...)
    local reply = one_field("err", ...)
    if select("#", ...) == 1 and type((...)) == "string" then
        local text = gsub(reply.err, "^-", "")
        reply.err = find(text, " ", 1, true) and text or "ERR " .. text
    end
    return reply
end

function redis.status_reply(...)
    return one_field("ok", ...)
end

function redis.sha1hex(...)
    if select("#", ...) ~= 1 then
        error({ err = "ERR wrong number of arguments" }, 0)
    end
    local text = ...
    return python.sha1hex(plain(text) and tostring(text) or "")
end

function redis.log(...)
    local count = select("#", ...)
    if count < 2 then
        error({ err = "ERR redis.log() requires two arguments or more." }, 0)
    end
    local level = tonumber((...))
    if not level then
        error({ err = "ERR First argument must be a number (log level)." }, 0)
    elseif level < 0 or level >= 4 then
        error({ err = "ERR Invalid log level." }, 0)
    end
    local words = {}
    for index = 2, count do
        local word = select(index, ...)
        words[#words + 1] = plain(word) and tostring(word) or nil
    end
    python.log(floor(level), table.concat(words, " "))
end

function redis.setresp(...)
    if select("#", ...) ~= 1 then
        error({ err = "ERR redis.setresp() requires one argument." }, 0)
    end
    local wanted = tonumber((...))
    if wanted ~= 2 and wanted ~= 3 then
        error({ err = "ERR RESP version must be 2 or 3." }, 0)
    end
    python.setresp(wanted)
end

function redis.set_repl(...)
    if select("#", ...) ~= 1 then
        error({ err = "ERR redis.set_repl() requires one argument." }, 0)
    end
    local flags = tonumber((...)) or 0
    if flags < 0 or flags >= 4 then
        error({ err = "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE." }, 0)
    end
end

function redis.acl_check_cmd(...)
    local words, wrong = words_of(...)
    if not words then
        error({ err = wrong }, 0)
    end
    local allowed, _, text = python.permits(unpack(words))
    if text then
        error({ err = text }, 0)
    end
    return allowed
end

redis.REPL_NONE, redis.REPL_AOF, redis.REPL_SLAVE, redis.REPL_REPLICA, redis.REPL_ALL = 0, 1, 2, 2, 3

if not is_function_engine then
    function redis.replicate_commands()
        return true
    end
    -- The debugger is not there, as it is not while no script is debugged.
    function redis.breakpoint()
        return false
    end
    function redis.debug() end
end

-- The libraries, and what of Lua's own is left ------------------------------------------------------------------------

local function bad_argument(place, name, what)
    error("bad argument #" .. place .. " to '" .. name .. "' (" .. what .. ")")
end

-- Return arguments as numbers, of which there must be some.
local function numbers(name, least, ...)
    local count = select("#", ...)
    if count <= 3 and type((...)) == "number" then
        local _, second, third = ...
        if (count < 2 or type(second) == "number") and (count < 3 or type(third) == "number") and count >= least then
            return ...
        end
    end
    local found = { ... }
    for index = 1, count > least and count or least do
        local value = found[index]
        found[index] = type(value) ~= "boolean" and tonumber(value)
        if not found[index] then
            local kind = index > count and "no value" or type(value)
            bad_argument(index, name, "number expected, got " .. kind)
        end
    end
    return unpack(found)
end

local tools = { python = python, bad_argument = bad_argument, numbers = numbers }
for name, source in pairs(libraries) do
    visible[name] = read_only(assert(loadstring(source, SANDBOX))(tools))
end
libraries = nil

visible.coroutine = read_only(coroutines)
visible.math = read_only(maths)
visible.os = read_only({ clock = os.clock })
visible.string = read_only(strings)
visible.table = read_only(tables)
visible.redis = read_only(redis)

local metatable = getmetatable("")
metatable.__index = strings
string_metatable = read_only({ __index = visible.string })

-- Lua's own table of globals is left with nothing but what lupa asks it for at every call: a function that draws up
-- tracebacks, which it does without where there is none.
for name in next, globals do
    globals[name] = nil
end
globals.debug = false

visible._G = environment

-- Valkey's name for `redis` is known, and not listed.
local function missing(_, name)
    if name == "server" then
        return visible.redis
    end
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end

behind[environment] = visible
setmetatable(visible, { __index = missing })
globals_metatable = read_only({ __index = missing })
local reads_from = { __index = visible, __newindex = refuse }
setmetatable(environment, reads_from)

-- Loading --------------------------------------------------------------------------------------------------------------

local function compile(source)
    local name = is_function_engine and "@user_function" or "@user_script"
    local chunk, text = loadstring(source, name)
    if not chunk then
        return nil, text
    end
    return setfenv(assert(loadstring(python.without_tail_calls(dump(chunk)), name)), environment)
end

local function load_script(source)
    local chunk, text = compile(source)
    if not chunk then
        return nil, text
    end
    return script_entry(chunk)
end

-- What a library sees while it is loaded.
local registering = {}
local function unknown(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end
local loading = setmetatable({}, { __index = unknown })

local function register_error(text)
    error({ err = "ERR " .. text }, 0)
end

local function name_of(value)
    local name = plain(value)
    return name ~= nil and tostring(name) or nil
end

local function flags_of(list)
    local found = {}
    for index = 1, #list do
        local flag = rawget(list, index)
        if type(flag) ~= "string" then
            register_error("unknown flag given")
        end
        found[index] = flag
    end
    return found
end

local function named(arguments)
    local name, callback, description, flags
    for field, value in next, arguments do
        if not plain(field) then
            register_error("named argument key given to redis.register_function is not a string")
        elseif field == "function_name" then
            name = name_of(value)
            if not name then
                register_error("function_name argument given to redis.register_function must be a string")
            end
        elseif field == "description" then
            description = name_of(value)
            if not description then
                register_error("description argument given to redis.register_function must be a string")
            end
        elseif field == "callback" then
            if type(value) ~= "function" then
                register_error("callback argument given to redis.register_function must be a function")
            end
            callback = value
        elseif field == "flags" then
            if type(value) ~= "table" then
                register_error("flags argument to redis.register_function must be a table representing function flags")
            end
            flags = flags_of(value)
        else
            register_error("unknown argument given to redis.register_function")
        end
    end
    if not name then
        register_error("redis.register_function must get a function name argument")
    elseif not callback then
        register_error("redis.register_function must get a callback argument")
    end
    return name, callback, description, flags or {}
end

function registering.register_function(...)
    local count = select("#", ...)
    local first, callback = ...
    local name, description, flags
    if count < 1 or count > 2 then
        register_error("wrong number of arguments to redis.register_function")
    elseif count == 1 then
        if type(first) ~= "table" then
            register_error(
                "calling redis.register_function with a single argument is only applicable to Lua table"
                    .. " (representing named arguments)."
            )
        end
        name, callback, description, flags = named(first)
    else
        name, flags = name_of(first), {}
        if not name then
            register_error("first argument to redis.register_function must be a string")
        elseif type(callback) ~= "function" then
            register_error("second argument to redis.register_function must be a function")
        end
    end
    local text = python.register(name, function_entry(callback), description or false, unpack(flags))
    if text then
        register_error(text)
    end
end

for _, name in ipairs({ "LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING", "REDIS_VERSION", "REDIS_VERSION_NUM", "log" }) do
    registering[name] = redis[name]
end
loading.redis = read_only(setmetatable(registering, { __index = unknown }))
loading.server = loading.redis

-- Run the code of a library, which registers its functions; return nothing, or a text and where the error was.
local function load_library(source)
    local chunk, text = compile(source)
    if not chunk then
        return "compile", text
    end
    reads_from.__index = loading
    local ok, err = xpcall(chunk, handle)
    reads_from.__index = visible
    if not ok then
        text = rawget(err, "err")
        return "run", type(text) == "string" and text or nil
    end
end

-- Endless scripts --------------------------------------------------------------------------------------------------------

local function interrupted()
    if getinfo(2, "S").source == SANDBOX then
        return -- what is here has to be finished, above all what follows an error
    end
    local text = python.interrupted()
    if text then
        -- Whatever the script catches, its next step raises again.
        hook_mask, hook_count = "", 1
        sethook(hook, "", 1)
        error({ err = text }, 0)
    end
end

local function set_pace(count)
    hook, hook_mask, hook_count = interrupted, "", count
    sethook(hook, "", count)
end

return load_script, load_library, stage, set_pace
