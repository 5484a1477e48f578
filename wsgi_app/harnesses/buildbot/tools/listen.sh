#!/bin/sh
# listen.sh SPOOL SECONDS [ID...]: says which requests are in the spool ("new ID"), but for those that are named; and which of
# those are there no more, for whoever made them was ended ("gone ID"). Waits until there is something to say.
# Its end makes the worker send what it said at once.
PATH=$PATH:/usr/local/bin:/usr/bin:/bin
cd "$1" || exit 3
limit=$2
shift 2

look() {
    said=0
    for id; do
        [ -f "$id.request" ] && continue
        echo "gone $id"
        said=$((said + 1))
    done
    for file in *.request; do
        [ "$said" -lt 64 ] || return
        id=${file%.request}
        case " $* " in *" $id "*) continue ;; esac
        [ -f "$file" ] || continue
        # whoever wrote the answer may have been killed over it
        [ -f "$id.answer" ] && [ "$(tail -n 1 "$id.answer" 2>/dev/null)" = . ] && continue
        echo "new $id"
        said=$((said + 1))
    done
}

[ "$limit" -gt 0 ] && exec 3<>wake # before the first look: what comes after it wakes us
look "$@"
[ "$said" -eq 0 ] && [ "$limit" -gt 0 ] || exit 0
# nobody ends this when the worker itself was killed, so it ends by itself
(
    trap 'kill $!; exit' TERM
    sleep "$limit" &
    wait $!
    echo >&3
) </dev/null >/dev/null 2>&1 &
read -r _ <&3
kill $! 2>/dev/null
look "$@"
