#!/bin/sh
# kill.sh SIDE SECONDS: ends the detached command: SIGTERM, and SIGKILL when it is still there after SECONDS.
cd "$1" || exit 3
grace=$2
mkdir started 2>/dev/null && exit 0 # it never began, and will not
[ -f session ] || sleep 1 # it is about to
{ read -r pid && read -r boot; } <session || exit 0
[ "$boot" = "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)" ] || exit 0
kill -s TERM -- "-$pid" 2>/dev/null || exit 0
while [ "$grace" -gt 0 ]; do
    sleep 1
    kill -s 0 -- "-$pid" 2>/dev/null || exit 0
    grace=$((grace - 1))
done
kill -s KILL -- "-$pid" 2>/dev/null
exit 0
