-- POSTs of one form to one URL: AUTHORIZATION BODY
function init(args)
    wrk.method = "POST"
    wrk.headers["Authorization"] = args[1]
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
    wrk.body = args[2]
    local request_text = wrk.format()
    request = function() return request_text end
end
