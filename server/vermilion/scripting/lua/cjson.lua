-- cjson: JSON to tables of Lua and back, as lua-cjson 2.1.0 does it, which is what Redis has.

local tools = ...
local find, format, gsub, sub, byte, char, concat = string.find, string.format, string.gsub, string.sub, string.byte,
    string.char, table.concat
local error, floor, next, rawget, select, tonumber, type = error, math.floor, next, rawget, select, tonumber, type
local bad_argument = tools.bad_argument
local HUGE = math.huge

-- The address that lua-cjson has for null is no value of Lua that could be made here; this one stands for it.
local null = newproxy(true)
local null_metatable = getmetatable(null)
null_metatable.__metatable = false
function null_metatable.__tostring()
    return "userdata: (nil)"
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
    ["\r"] = "\\r", ["\t"] = "\\t", ["\127"] = "\\u007f" }
for code = 0, 31 do
    local raw = char(code)
    escapes[raw] = escapes[raw] or format("\\u%04x", code)
end

local function quoted(text)
    -- %z is a NUL, which a pattern of Lua 5.1 cannot hold itself.
    return '"' .. gsub(text, '[%z\1-\31"\\/\127]', escapes) .. '"'
end

local unescapes = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8(code)
    if code < 0x80 then
        return char(code)
    elseif code < 0x800 then
        return char(0xC0 + floor(code / 0x40), 0x80 + code % 0x40)
    elseif code < 0x10000 then
        return char(0xE0 + floor(code / 0x1000), 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
    end
    return char(0xF0 + floor(code / 0x40000), 0x80 + floor(code / 0x1000) % 0x40, 0x80 + floor(code / 0x40) % 0x40,
        0x80 + code % 0x40)
end

local function new()
    local convert_sparse, sparse_ratio, sparse_safe = false, 2, 10
    local encode_depth, decode_depth, precision, keep_buffer = 1000, 1000, 14, true
    local encode_invalid, decode_invalid = false, true
    local number_format = "%.14g"
    local self = { _NAME = "cjson", _VERSION = "2.1.0", null = null }

    -- Encoding ---------------------------------------------------------------------------------------------------

    local function unserialisable(kind, reason)
        error("Cannot serialise " .. kind .. ": " .. reason)
    end

    local function number(value)
        if value ~= value or value == HUGE or value == -HUGE then
            if encode_invalid == "null" then
                return "null"
            elseif not encode_invalid then
                unserialisable("number", "must not be NaN or Inf")
            end
            return value ~= value and "nan" or value > 0 and "inf" or "-inf"
        end
        return format(number_format, value)
    end

    -- How long the array is that a table is, -1 for one that is none.
    local function length(value)
        local largest, count = 0, 0
        for key in next, value do
            if type(key) ~= "number" or key < 1 or key ~= floor(key) then
                return -1
            end
            if key > largest then
                largest = key
            end
            count = count + 1
        end
        if sparse_ratio > 0 and largest > count * sparse_ratio and largest > sparse_safe then
            if not convert_sparse then
                unserialisable("table", "excessively sparse array")
            end
            return -1
        end
        return largest
    end

    local append

    local function append_table(value, out, size, depth)
        if depth > encode_depth then
            error("Cannot serialise, excessive nesting (" .. depth .. ")")
        end
        local last = length(value)
        if last > 0 then
            for index = 1, last do
                out[size + 1] = index == 1 and "[" or ","
                size = append(rawget(value, index), out, size + 1, depth)
            end
            out[size + 1] = "]"
            return size + 1
        end
        local mark = "{"
        for key, member in next, value do
            local kind = type(key)
            if kind == "number" then
                key = '"' .. number(key) .. '":'
            elseif kind == "string" then
                key = quoted(key) .. ":"
            else
                unserialisable(kind, "table key must be a number or string")
            end
            out[size + 1], out[size + 2] = mark, key
            size = append(member, out, size + 2, depth)
            mark = ","
        end
        out[size + 1] = mark == "{" and "{}" or "}"
        return size + 1
    end

    function append(value, out, size, depth)
        local kind = type(value)
        if kind == "string" then
            out[size + 1] = quoted(value)
        elseif kind == "number" then
            out[size + 1] = number(value)
        elseif kind == "boolean" then
            out[size + 1] = value and "true" or "false"
        elseif kind == "table" then
            return append_table(value, out, size, depth + 1)
        elseif kind == "nil" or value == null then
            out[size + 1] = "null"
        else
            unserialisable(kind, "type not supported")
        end
        return size + 1
    end

    function self.encode(...)
        if select("#", ...) ~= 1 then
            bad_argument(1, "encode", "expected 1 argument")
        end
        local out = {}
        append((...), out, 0, 0)
        return concat(out)
    end

    -- Decoding ---------------------------------------------------------------------------------------------------

    local names = { ["{"] = "T_OBJ_BEGIN", ["}"] = "T_OBJ_END", ["["] = "T_ARR_BEGIN", ["]"] = "T_ARR_END",
        [","] = "T_COMMA", [":"] = "T_COLON", ['"'] = "T_STRING" }

    local function bad_string(what, at)
        return nil, what, at
    end

    -- Read a string behind its first quote; return it and the next place, or nil, what is wrong, and where.
    local function read_string(source, at)
        local last = find(source, '["\\]', at)
        if last and byte(source, last) == 34 then
            return sub(source, at, last - 1), last + 1
        end
        local parts, size = {}, 0
        while last do
            size = size + 1
            parts[size] = sub(source, at, last - 1)
            if byte(source, last) == 34 then
                return concat(parts), last + 1
            end
            local letter = sub(source, last + 1, last + 1)
            at = last + 2
            if letter == "u" then
                local digits = sub(source, at, at + 3)
                local code = find(digits, "^%x%x%x%x$") and tonumber(digits, 16)
                at = at + 4
                if code and code >= 0xD800 and code < 0xDC00 then
                    local low = find(source, "^\\u%x%x%x%x", at) and tonumber(sub(source, at + 2, at + 5), 16)
                    code = low and low >= 0xDC00 and low < 0xE000 and 0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00
                    at = at + 6
                elseif code and code >= 0xDC00 and code < 0xE000 then
                    code = nil
                end
                if not code then
                    return bad_string("invalid unicode escape code", last)
                end
                parts[size + 1] = utf8(code)
            else
                local meant = unescapes[letter]
                if not meant then
                    return bad_string("invalid escape code", last)
                end
                parts[size + 1] = meant
            end
            size = size + 1
            last = find(source, '["\\]', at)
        end
        return bad_string("unexpected end of string", #source + 1)
    end

    -- The longest number at a place that C's strtod would take; return it and the next place.
    local function strtod(source, at)
        local _, last = find(source, "^[+-]?0[xX]%x*%.?%x*", at)
        if last and find(source, "^[+-]?0[xX]%.?%x", at) then
            local _, power = find(source, "^[pP][+-]?%d+", last + 1)
            last = power or last
        else
            _, last = find(source, "^[+-]?%d+%.?%d*", at)
            if not last then
                _, last = find(source, "^[+-]?%.%d+", at)
            end
            if last then
                local _, power = find(source, "^[eE][+-]?%d+", last + 1)
                last = power or last
            else
                _, last = find(source, "^[+-]?[iI][nN][fF][iI][nN][iI][tT][yY]", at)
                if not last then
                    _, last = find(source, "^[+-]?[iInN][aAnN][fFnN]", at)
                    local word = last and gsub(sub(source, at, last), "^[+-]", ""):lower()
                    if word ~= "inf" and word ~= "nan" then
                        return nil, at
                    end
                end
            end
        end
        return tonumber(sub(source, at, last)), last + 1
    end

    -- Whether what looks like a number is none of JSON's.
    local function is_invalid_number(source, at)
        if byte(source, at) == 43 then
            return true
        elseif byte(source, at) == 45 then
            at = at + 1
        end
        return find(source, "^0[xX%d]", at) or find(source, "^[iI][nN][fF]", at) or find(source, "^[nN][aA][nN]", at)
    end

    -- Return the kind of the token at a place, where it is, its value, and what follows; a kind of nil is an error.
    local function token(source, at)
        at = find(source, "[^ \t\n\r]", at)
        if not at then
            return "T_END", #source + 1
        end
        local letter = sub(source, at, at)
        local name = names[letter]
        if name == "T_STRING" then
            local text, after, where = read_string(source, at + 1)
            if not text then
                return nil, where, after
            end
            return name, at, text, after
        elseif name then
            return name, at, nil, at + 1
        elseif find(letter, "[%d-]") then
            if not decode_invalid and is_invalid_number(source, at) then
                return nil, at, "invalid number"
            end
            local value, after = strtod(source, at)
            if not value then
                return nil, at, "invalid number"
            end
            return "T_NUMBER", at, value, after
        elseif sub(source, at, at + 3) == "true" then
            return "T_BOOLEAN", at, true, at + 4
        elseif sub(source, at, at + 4) == "false" then
            return "T_BOOLEAN", at, false, at + 5
        elseif sub(source, at, at + 3) == "null" then
            return "T_NULL", at, null, at + 4
        elseif decode_invalid and is_invalid_number(source, at) then
            local value, after = strtod(source, at)
            if value then
                return "T_NUMBER", at, value, after
            end
        end
        return nil, at, "invalid token"
    end

    local function unexpected(wanted, kind, at, value)
        error("Expected " .. wanted .. " but found " .. (kind or value) .. " at character " .. at)
    end

    local function descend(depth, at)
        if depth > decode_depth then
            error("Found too many nested data structures (" .. depth .. ") at character " .. at)
        end
    end

    local value_of

    local function read_array(source, at, depth, start)
        descend(depth, start)
        local found, size = {}, 0
        local kind, where, value, after = token(source, at)
        if kind == "T_ARR_END" then
            return found, after
        end
        while true do
            size = size + 1
            found[size], at = value_of(source, depth, kind, where, value, after)
            kind, where, value, after = token(source, at)
            if kind == "T_ARR_END" then
                return found, after
            elseif kind ~= "T_COMMA" then
                unexpected("comma or array end", kind, where, value)
            end
            kind, where, value, after = token(source, after)
        end
    end

    local function read_object(source, at, depth, start)
        descend(depth, start)
        local found = {}
        local kind, where, value, after = token(source, at)
        if kind == "T_OBJ_END" then
            return found, after
        end
        while true do
            if kind ~= "T_STRING" then
                unexpected("object key string", kind, where, value)
            end
            local name = value
            kind, where, value, after = token(source, after)
            if kind ~= "T_COLON" then
                unexpected("colon", kind, where, value)
            end
            kind, where, value, after = token(source, after)
            found[name], at = value_of(source, depth, kind, where, value, after)
            kind, where, value, after = token(source, at)
            if kind == "T_OBJ_END" then
                return found, after
            elseif kind ~= "T_COMMA" then
                unexpected("comma or object end", kind, where, value)
            end
            kind, where, value, after = token(source, after)
        end
    end

    -- Return the value that begins with a token, and the place behind it.
    function value_of(source, depth, kind, where, value, after)
        if kind == "T_STRING" or kind == "T_NUMBER" or kind == "T_BOOLEAN" or kind == "T_NULL" then
            return value, after
        elseif kind == "T_OBJ_BEGIN" then
            return read_object(source, after, depth + 1, where)
        elseif kind == "T_ARR_BEGIN" then
            return read_array(source, after, depth + 1, where)
        end
        unexpected("value", kind, where, value)
    end

    function self.decode(...)
        local source = ...
        if select("#", ...) ~= 1 then
            bad_argument(1, "decode", "expected 1 argument")
        elseif type(source) == "number" then
            source = source .. ""
        elseif type(source) ~= "string" then
            bad_argument(1, "decode", "string expected, got " .. type(source))
        end
        local last = find(source, "%z") -- a NUL ends a string of C
        if last then
            source = sub(source, 1, last - 1)
        end
        local found, at = value_of(source, 0, token(source, 1))
        local kind, where, value = token(source, at)
        if kind ~= "T_END" then
            unexpected("the end", kind, where, value)
        end
        return found
    end

    -- Settings ---------------------------------------------------------------------------------------------------

    local function integer(value, place, name, low, high)
        local wanted = tonumber(value)
        if not wanted or type(value) == "boolean" then
            bad_argument(place, name, "number expected, got " .. type(value))
        elseif wanted < low or wanted > high then
            bad_argument(place, name, "expected integer between " .. low .. " and " .. format("%.0f", high))
        end
        return floor(wanted)
    end

    local function choice(value, name, third)
        if type(value) == "boolean" then
            return value
        elseif type(value) == "number" then
            value = value .. ""
        end
        if value == "on" or value == "off" then
            return value == "on"
        elseif third and value == third then
            return value
        elseif type(value) ~= "string" then
            bad_argument(1, name, "string expected, got " .. type(value))
        end
        bad_argument(1, name, "invalid option '" .. value .. "'")
    end

    local INT = 2147483647

    local function limited(name, most, ...)
        if select("#", ...) > most then
            bad_argument(most + 1, name, "found too many arguments")
        end
    end

    function self.encode_sparse_array(...)
        limited("encode_sparse_array", 3, ...)
        local convert, ratio, safe = ...
        if convert ~= nil then
            convert_sparse = choice(convert, "encode_sparse_array")
        end
        if ratio ~= nil then
            sparse_ratio = integer(ratio, 1, "encode_sparse_array", 0, INT)
        end
        if safe ~= nil then
            sparse_safe = integer(safe, 1, "encode_sparse_array", 0, INT)
        end
        return convert_sparse, sparse_ratio, sparse_safe
    end

    function self.encode_max_depth(...)
        limited("encode_max_depth", 1, ...)
        if (...) ~= nil then
            encode_depth = integer((...), 1, "encode_max_depth", 1, INT)
        end
        return encode_depth
    end

    function self.decode_max_depth(...)
        limited("decode_max_depth", 1, ...)
        if (...) ~= nil then
            decode_depth = integer((...), 1, "decode_max_depth", 1, INT)
        end
        return decode_depth
    end

    function self.encode_number_precision(...)
        limited("encode_number_precision", 1, ...)
        if (...) ~= nil then
            precision = integer((...), 1, "encode_number_precision", 1, 14)
            number_format = "%." .. precision .. "g"
        end
        return precision
    end

    function self.encode_keep_buffer(...)
        limited("encode_keep_buffer", 1, ...)
        if (...) ~= nil then
            keep_buffer = choice((...), "encode_keep_buffer")
        end
        return keep_buffer
    end

    function self.encode_invalid_numbers(...)
        limited("encode_invalid_numbers", 1, ...)
        if (...) ~= nil then
            encode_invalid = choice((...), "encode_invalid_numbers", "null")
        end
        return encode_invalid
    end

    function self.decode_invalid_numbers(...)
        limited("decode_invalid_numbers", 1, ...)
        if (...) ~= nil then
            decode_invalid = choice((...), "decode_invalid_numbers")
        end
        return decode_invalid
    end

    self.new = new
    return self
end

return new()
