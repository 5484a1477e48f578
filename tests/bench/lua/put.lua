-- PUTs of ranges that walk forward through a log, and begin anew at its end, so that it does not grow too large:
-- CHUNK RANGES [AUTHORIZATION]. The URL ends with what comes before the number of a log: each thread has one of its own.
local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    local chunk, ranges = tonumber(args[1]), tonumber(args[2])
    local body, made, turn = string.rep("x", chunk - 1) .. "\n", {}, 0
    if args[3] then wrk.headers["Authorization"] = args[3] end

    -- each is made once: what the load costs is little, and the same for everybody
    function request()
        local place = turn % ranges
        turn = turn + 1
        if not made[place] then
            wrk.headers["Content-Range"] = string.format("bytes %d-%d/*", place * chunk, (place + 1) * chunk - 1)
            made[place] = wrk.format("PUT", wrk.path .. number, wrk.headers, body)
        end
        return made[place]
    end
end
