. "${0%/*}/lava-common-functions"
usage='lava-background-process-start NAME --cmd COMMAND...'
[ $# -ge 3 ] && [ "$2" = --cmd ] || usage
need "the name of a process" "$1"
case $1 in
*/*) refuse "the name of a process has a slash in it: $1" ;;
esac
LAVA_BACKGROUND=$LAVA_HOME/$1/
export LAVA_BACKGROUND
: >"$LAVA_HOME/background/$1"
shift 2
"${LAVA_SHELL:-/bin/sh}" -c "$*" </dev/null &
# until it is known by its environment: it may be stopped at once
left=50
while [ "$left" -gt 0 ]; do
    case $(tr '\0' '\n' <"/proc/$!/environ") in
    *"LAVA_BACKGROUND=$LAVA_BACKGROUND"*) exit 0 ;;
    esac
    sleep 0.02 || sleep 1
    left=$((left - 1))
done 2>/dev/null
exit 0
