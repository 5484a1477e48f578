#!/bin/sh
# follow.sh SIDE OFFSET SECONDS: waits until the output of the detached command is longer than OFFSET, or the command has
# ended, or SECONDS are over; puts what is new of it (at most 4 MiB) into SIDE/chunk and says "SIZE STATE RC".
cd "$1" || exit 3
offset=$2
patience=$3

state() {
    [ -f rc ] && state=ended && return
    state=running
    if [ -f session ]; then
        { read -r pid && read -r boot; } <session
        now=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
        [ "$boot" = "$now" ] && kill -s 0 -- "-$pid" 2>/dev/null && return
    elif [ "$rounds" -lt 10 ]; then
        return # it is about to begin
    fi
    [ -f rc ] && state=ended && return # at the very moment
    state=gone
    [ -f late ] && state=late
}

rounds=0
while :; do
    state # before the size: what ended has written all
    size=$(($(wc -c <out)))
    [ "$size" -gt "$offset" ] || [ "$state" != running ] || [ "$rounds" -ge "$patience" ] && break
    rounds=$((rounds + 1))
    sleep 1
done
tail -c +$((offset + 1)) out | head -c 4194304 >chunk
rc=-
[ "$state" = ended ] && read -r rc <rc
echo "$size $state $rc"
