-- struct: numbers and strings as bytes of a given layout, as lua-struct 0.2 does it, which is what Redis has.

local tools = ...
local python, bad_argument, error = tools.python, tools.bad_argument, error
local select, tostring, type, unpack = select, tostring, type, unpack
local MARK = false -- stands for what is neither a string nor a number

local function finish(name, arguments, count, result, kind, ...)
    if kind == "error" then
        error((...))
    elseif kind == "argument" then
        local place, what = ...
        if what == "number" or what == "string" then
            local found = place > count and (name == "pack" and place > 1 and "nil" or "no value") or type(arguments[place])
            what = what .. " expected, got " .. found
        end
        bad_argument(place, name, what)
    elseif kind == "values" then
        return ...
    end
    return result
end

local function caller(name)
    local operate = python["struct_" .. name]
    return function(...)
        local arguments, count, plain = { ... }, select("#", ...), {}
        for index = 1, count do
            local value = arguments[index]
            local kind = type(value)
            plain[index] = (kind == "string" or kind == "number") and value or MARK
        end
        return finish(name, arguments, count, operate(unpack(plain, 1, count)))
    end
end

return { pack = caller("pack"), unpack = caller("unpack"), size = caller("size") }
