#!/bin/sh
# tackroom-report, tackroom-sync and tackroom-abort: leave what is asked in the task's spool, and wait for the answer.
# This machine may have no way to the controller, and no Python: whoever fetches the request understands the words in it.
PATH=$PATH:/usr/local/bin:/usr/bin:/bin
name=${0##*/}
case $0 in
*/*) spool=${0%/*}/../spool ;;
*) spool=../spool ;;
esac

over() {
    echo "$name: the task is over" >&2
    exit 4
}

wake() {
    { echo 1<>"$spool/wake"; } 2>/dev/null
}

nap() { # a long wait is looked at less often; not every sleep knows fractions
    if [ "$naps" -lt 40 ]; then pause=0.05; else pause=0.5; fi
    naps=$((naps + 1))
    # a listener whose worker was killed may have been woken instead of the one that is heard
    case $naps in 20 | 30 | 40 | *00) wake ;; esac
    sleep $pause 2>/dev/null || sleep 1
}

[ -d "$spool" ] || over
# never the same twice in a task, whatever becomes of process ids: the controller knows repetitions by it
id=$(date +%s)-$$-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
request=$spool/$id.request
answer=$spool/$id.answer
trap 'rm -f "$request" "$spool/$id.new" "$answer"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if ! { printf '%s\0' "$PWD" "$name" "$@" >"$spool/$id.new"; } 2>/dev/null; then
    [ -d "$spool" ] || over
    echo "$name: cannot write in $spool" >&2
    exit 4
fi
mv -f "$spool/$id.new" "$request" 2>/dev/null || over
wake

newline='
'
naps=0
while :; do
    said=$(cat "$answer" 2>/dev/null) # once: the end of the task takes it away
    case $said in *"$newline.") break ;; esac
    [ -f "$request" ] || [ -f "$answer" ] || over
    nap
done

printf '%s\n' "$said" | {
    read -r _
    while IFS= read -r line; do
        case $line in
        o*) printf '%s\n' "${line#o}" ;;
        e*) printf '%s\n' "${line#e}" >&2 ;;
        esac
    done
}
# in this order: a request without its answer would be worked off again
rm -f "$request"
rm -f "$answer"
exit "${said%%"$newline"*}"
