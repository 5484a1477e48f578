-- One kind of call to many recipes in turn: METHOD BODY, and PATH AUTHORIZATION of each ("" as BODY: none).
function init(args)
    local made, turn, headers = {}, 0, {}
    if args[2] ~= "" then headers["Content-Type"] = "application/x-www-form-urlencoded" end
    for place = 3, #args, 2 do
        headers["Authorization"] = args[place + 1]
        made[#made + 1] = wrk.format(args[1], args[place], headers, args[2] ~= "" and args[2] or nil)
    end
    request = function()
        turn = turn % #made + 1
        return made[turn]
    end
end
