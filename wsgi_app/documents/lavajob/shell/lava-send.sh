. "${0%/*}/lava-common-functions"
. "${0%/*}/lava-multi-node"
usage='lava-send MESSAGE [KEY=VALUE]...'
[ $# -gt 0 ] || usage
message=$1
need_message "$message"
shift
for pair; do
    case $pair in
    *[[:cntrl:]]*) refuse "a pair has control characters in it" ;;
    *=*) ;;
    *) refuse "that is no pair KEY=VALUE: $pair" ;;
    esac
    case ${pair%%=*} in
    '' | *[[:space:]]*) refuse "the key of a pair is empty, or has white space in it: $pair" ;;
    esac
done
say "lava:$message" "$@"
end_call send "$message" "$?"
