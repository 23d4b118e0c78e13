-- bit: operations on the 32 bits of a number, as Lua BitOp 1.0.2 does them, which is what Redis has.

local tools = ...
local python, numbers = tools.python, tools.numbers
local format, floor = string.format, math.floor
local bits = {}

for _, name in ipairs({ "band", "bor", "bxor" }) do
    local operate = python[name]
    bits[name] = function(...)
        return operate(numbers(name, 1, ...))
    end
end

for _, name in ipairs({ "bnot", "bswap", "tobit" }) do
    local operate = python[name]
    bits[name] = function(...)
        return operate((numbers(name, 1, ...)))
    end
end

for _, name in ipairs({ "arshift", "lshift", "rol", "ror", "rshift" }) do
    local operate = python[name]
    bits[name] = function(...)
        local number, distance = numbers(name, 2, ...)
        return operate(number, distance)
    end
end

function bits.tohex(...)
    local number, digits = numbers("tohex", 1, ...)
    digits = digits and python.tobit(digits) or 8
    local layout = "%08x"
    if digits < 0 then
        digits, layout = -digits, "%08X"
    end
    if digits > 8 then
        digits = 8
    end
    return format(layout, python.tobit(number) % 0x100000000):sub(9 - digits)
end

return bits
