. "${0%/*}/lava-common-functions"
usage='lava-background-process-stop NAME [--attach FILE MIME-TYPE]...'
[ $# -gt 0 ] || usage
name=$1
shift
[ -n "$name" ] && [ -e "$LAVA_HOME/background/$name" ] || refuse "no process of that name was started: $name"

# those whose environment began with it
processes() {
    for process in /proc/[0-9]*; do
        case $(tr '\0' '\n' 2>/dev/null <"$process/environ") in
        *"LAVA_BACKGROUND=$LAVA_HOME/$name/"*) echo "${process#/proc/}" ;;
        esac
    done 2>/dev/null
}

signal=TERM
left=50
while [ "$left" -gt 0 ]; do
    found=$(processes)
    [ -n "$found" ] || break
    for process in $found; do
        kill -s "$signal" "$process" 2>/dev/null
    done
    if sleep 0.05 2>/dev/null; then left=$((left - 1)); else sleep 1; left=$((left - 20)); fi
    # it has had its time for last words
    [ "$left" -gt 10 ] || signal=KILL
done
rm -f "$LAVA_HOME/background/$name"
while [ $# -gt 0 ]; do
    [ "$1" = --attach ] && [ $# -ge 2 ] || usage
    lava-test-run-attach "$2" || exit
    shift 2
    case ${1-} in
    '' | --attach) ;;
    *) shift ;;
    esac
done
exit 0
