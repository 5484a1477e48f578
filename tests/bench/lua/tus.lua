-- PATCHes that append to an upload, as tus has it: CHUNK. The URL ends with what comes before its number: each thread has
-- one of its own, which must be empty. There is no going back to its beginning.
local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    local chunk = tonumber(args[1])
    -- of the first thread wrk asks for one request that it does not send, to see how many it gets at once
    local offset = number == 0 and -chunk or 0
    local body = string.rep("x", chunk - 1) .. "\n"
    wrk.headers["Tus-Resumable"] = "1.0.0"
    wrk.headers["Content-Type"] = "application/offset+octet-stream"

    function request()
        wrk.headers["Upload-Offset"] = string.format("%d", offset)
        offset = offset + chunk
        return wrk.format("PATCH", wrk.path .. number, wrk.headers, body)
    end
end
