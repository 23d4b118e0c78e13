-- cmsgpack: MessagePack to values of Lua and back, as lua-cmsgpack 0.4.0 does it, which is what Redis has.

local tools = ...
local python, bad_argument = tools.python, tools.bad_argument
local byte, char, sub, concat = string.byte, string.char, string.sub, table.concat
local error, floor, next, rawget, select, tonumber, type, unpack =
    error, math.floor, next, rawget, select, tonumber, type, unpack

local NESTING = 16 -- a table in as many others is nil

-- Packing ----------------------------------------------------------------------------------------------------------

local function big_endian(number, size)
    local bytes = {}
    for index = size, 1, -1 do
        bytes[index] = number % 256
        number = floor(number / 256)
    end
    return char(unpack(bytes))
end

local function packed_integer(number)
    if number >= 0 then
        if number < 0x80 then
            return char(number)
        elseif number < 0x100 then
            return "\204" .. char(number)
        elseif number < 0x10000 then
            return "\205" .. big_endian(number, 2)
        elseif number < 0x100000000 then
            return "\206" .. big_endian(number, 4)
        end
        return "\207" .. big_endian(number, 8)
    elseif number >= -32 then
        return char(256 + number)
    elseif number >= -0x80 then
        return "\208" .. char(256 + number)
    elseif number >= -0x8000 then
        return "\209" .. big_endian(0x10000 + number, 2)
    elseif number >= -0x80000000 then
        return "\210" .. big_endian(0x100000000 + number, 4)
    end
    -- 2^64 and a small number have no sum: the halves are made apart.
    local high = floor(number / 0x100000000)
    return "\211" .. big_endian(0x100000000 + high, 4) .. big_endian(number - high * 0x100000000, 4)
end

local function head(count, small, small_limit, names)
    if count < small_limit then
        return char(small + count)
    elseif names[1] and count < 0x100 then
        return char(names[1], count)
    elseif count < 0x10000 then
        return char(names[2]) .. big_endian(count, 2)
    end
    return char(names[3]) .. big_endian(count, 4)
end

local STRINGS, ARRAYS, MAPS = { 0xD9, 0xDA, 0xDB }, { nil, 0xDC, 0xDD }, { nil, 0xDE, 0xDF }

-- How long the array is that a table is, nil for one that is none.
local function length(value)
    local largest, count = 0, 0
    for key in next, value do
        if type(key) ~= "number" or key <= 0 or key ~= floor(key) then
            return nil
        end
        if key > largest then
            largest = key
        end
        count = count + 1
    end
    return largest == count and count or nil
end

local append

local function append_table(value, out, size, depth)
    local count = length(value)
    if count then
        out[size + 1] = head(count, 0x90, 16, ARRAYS)
        size = size + 1
        for index = 1, count do
            size = append(rawget(value, index), out, size, depth)
        end
        return size
    end
    local place = size + 1
    size, count = place, 0
    for key, member in next, value do
        size = append(key, out, size, depth)
        size = append(member, out, size, depth)
        count = count + 1
    end
    out[place] = head(count, 0x80, 16, MAPS)
    return size
end

function append(value, out, size, depth)
    local kind = type(value)
    if kind == "string" then
        out[size + 1] = head(#value, 0xA0, 32, STRINGS)
        out[size + 2] = value
        return size + 2
    elseif kind == "number" then
        if value == floor(value) and value >= -0x8000000000000000 and value < 0x8000000000000000 then
            out[size + 1] = packed_integer(value)
        else
            out[size + 1] = python.pack_float(value)
        end
    elseif kind == "boolean" then
        out[size + 1] = value and "\195" or "\194"
    elseif kind == "table" and depth < NESTING then
        return append_table(value, out, size, depth + 1)
    else
        out[size + 1] = "\192"
    end
    return size + 1
end

local function pack(...)
    local count = select("#", ...)
    if count == 0 then
        bad_argument(0, "pack", "MessagePack pack needs input.")
    end
    local out, size = {}, 0
    for index = 1, count do
        size = append((select(index, ...)), out, size, 0)
    end
    return concat(out)
end

-- Unpacking --------------------------------------------------------------------------------------------------------

local function missing()
    error("Missing bytes in input.")
end

local function unsigned(source, at, size)
    if at + size - 1 > #source then
        missing()
    end
    local number = 0
    for index = at, at + size - 1 do
        number = number * 256 + byte(source, index)
    end
    return number
end

local function signed(source, at, size)
    local number = unsigned(source, at, size)
    if byte(source, at) >= 0x80 then
        if size == 8 then
            local low = unsigned(source, at + 4, 4)
            return (unsigned(source, at, 4) - 0x100000000) * 0x100000000 + low
        end
        number = number - 256 ^ size
    end
    return number
end

local function text(source, at, size)
    if at + size - 1 > #source then
        missing()
    end
    return sub(source, at, at + size - 1), at + size
end

local read

local function read_array(source, at, count, depth)
    local found = {}
    for index = 1, count do
        found[index], at = read(source, at, depth + 1)
    end
    return found, at
end

local function read_map(source, at, count, depth)
    local found = {}
    for _ = 1, count do
        local key, value
        key, at = read(source, at, depth + 1)
        value, at = read(source, at, depth + 1)
        if key == nil or key ~= key then
            error("table index is " .. (key == nil and "nil" or "NaN"), 0)
        end
        found[key] = value
    end
    return found, at
end

local DEPTH = 1000 -- of Lua's stack there is more, of hostile input too

-- Return the value at a place, and the place behind it.
function read(source, at, depth)
    local kind = byte(source, at)
    if not kind then
        missing()
    elseif depth > DEPTH then
        error("Bad data format in input.")
    end
    at = at + 1
    if kind < 0x80 then
        return kind, at
    elseif kind >= 0xE0 then
        return kind - 256, at
    elseif kind < 0x90 then
        return read_map(source, at, kind - 0x80, depth)
    elseif kind < 0xA0 then
        return read_array(source, at, kind - 0x90, depth)
    elseif kind < 0xC0 then
        return text(source, at, kind - 0xA0)
    elseif kind == 0xC0 then
        return nil, at
    elseif kind == 0xC2 or kind == 0xC3 then
        return kind == 0xC3, at
    elseif kind == 0xCA or kind == 0xCB then
        local width = kind == 0xCA and 4 or 8
        if at + width - 1 > #source then
            missing()
        end
        return python.unpack_float(sub(source, at, at + width - 1)), at + width
    elseif kind >= 0xCC and kind <= 0xCF then
        local width = 2 ^ (kind - 0xCC)
        if width == 8 then -- lua-cmsgpack reads 64 bits as signed ones
            return signed(source, at, 8), at + 8
        end
        return unsigned(source, at, width), at + width
    elseif kind >= 0xD0 and kind <= 0xD3 then
        local width = 2 ^ (kind - 0xD0)
        return signed(source, at, width), at + width
    elseif kind >= 0xD9 and kind <= 0xDB then
        local width = 2 ^ (kind - 0xD9)
        return text(source, at + width, unsigned(source, at, width))
    elseif kind == 0xDC or kind == 0xDD then
        local width = kind == 0xDC and 2 or 4
        return read_array(source, at + width, unsigned(source, at, width), depth)
    elseif kind == 0xDE or kind == 0xDF then
        local width = kind == 0xDE and 2 or 4
        return read_map(source, at + width, unsigned(source, at, width), depth)
    end
    error("Bad data format in input.")
end

local RESULTS = 7000 -- there is room for some more on the stack

local function unpack_some(name, with_offset, source, limit, offset)
    if type(source) == "number" then
        source = source .. ""
    elseif type(source) ~= "string" then
        bad_argument(1, name, "string expected, got " .. (source == nil and "no value" or type(source)))
    end
    if limit < 0 or offset < 0 then
        error("Invalid request to unpack with offset of " .. offset .. " and limit of " .. #source .. ".")
    elseif offset > #source then
        error("Start offset " .. offset .. " greater than input length " .. #source .. ".")
    end
    with_offset = with_offset and limit ~= 0
    local found, count, at = {}, with_offset and 1 or 0, offset + 1
    local wanted = limit == 0 and RESULTS or limit + count
    while at <= #source and count < wanted do
        count = count + 1
        found[count], at = read(source, at, 0)
    end
    if with_offset then
        found[1] = at > #source and -1 or at - 1
    end
    return unpack(found, 1, count)
end

local function integer(value, place, name, default)
    if value == nil and default then
        return default
    end
    local number = tonumber(value)
    if not number or type(value) == "boolean" then
        bad_argument(place, name, "number expected, got " .. (value == nil and "no value" or type(value)))
    end
    return number < 0 and -floor(-number) or floor(number)
end

return {
    _NAME = "cmsgpack",
    _VERSION = "lua-cmsgpack 0.4.0",
    _COPYRIGHT = "Copyright (C) 2012, Salvatore Sanfilippo",
    _DESCRIPTION = "MessagePack C implementation for Lua",
    pack = pack,
    unpack = function(source)
        return unpack_some("unpack", false, source, 0, 0)
    end,
    unpack_one = function(source, offset)
        return unpack_some("unpack_one", true, source, 1, integer(offset, 2, "unpack_one", 0))
    end,
    unpack_limit = function(source, limit, offset)
        limit = integer(limit, 2, "unpack_limit")
        return unpack_some("unpack_limit", true, source, limit, integer(offset, 3, "unpack_limit", 0))
    end,
}
