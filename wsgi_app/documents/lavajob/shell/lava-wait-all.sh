. "${0%/*}/lava-common-functions"
. "${0%/*}/lava-multi-node"
usage='lava-wait-all MESSAGE [ROLE]'
[ $# -ge 1 ] && [ $# -le 2 ] || usage
need_message "$1"
found=$(wait_for "lava:$1" --others ${2+--role "$2"}) || end_call wait_all "$1" 1
printf '%s\n' "$found" | keep '%s:%s\n'
end_call wait_all "$1" "$?"
