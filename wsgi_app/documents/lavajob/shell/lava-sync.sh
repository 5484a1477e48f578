. "${0%/*}/lava-common-functions"
. "${0%/*}/lava-multi-node"
usage='lava-sync MESSAGE'
[ $# -eq 1 ] || usage
need_message "$1"
say "lava:$1" && wait_for "lava:$1" >/dev/null
end_call sync "$1" "$?"
