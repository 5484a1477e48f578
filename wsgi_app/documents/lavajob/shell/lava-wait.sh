. "${0%/*}/lava-common-functions"
. "${0%/*}/lava-multi-node"
usage='lava-wait MESSAGE'
[ $# -eq 1 ] || usage
need_message "$1"
found=$(wait_for "lava:$1" --any --others) || end_call wait "$1" 1
printf '%s\n' "$found" | keep '%.0s%s\n'
end_call wait "$1" "$?"
