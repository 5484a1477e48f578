-- GETs of one URL: AUTHORIZATION [ACCEPT]
function init(args)
    wrk.method = "GET"
    wrk.headers["Authorization"] = args[1]
    if args[2] then wrk.headers["Accept"] = args[2] end
    local request_text = wrk.format()
    request = function() return request_text end
end
