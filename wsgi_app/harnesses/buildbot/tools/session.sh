#!/bin/sh
# session.sh SIDE SECONDS COMMAND...: runs COMMAND and writes down how it ended. Leads a session: $$ is its group too.
side=$1
limit=$2
shift 2
# process ids are of use as long as the system was not started anew
{
    echo $$
    cat /proc/sys/kernel/random/boot_id 2>/dev/null
} >"$side/session.new"
mv "$side/session.new" "$side/session"
if [ "$limit" -gt 0 ]; then
    (
        trap 'kill $!; exit' TERM
        sleep "$limit" &
        wait $!
        : >"$side/late"
        kill -s KILL -- "-$$"
    ) >/dev/null 2>&1 &
    timer=$!
fi
"$@"
rc=$?
[ "$limit" -gt 0 ] && kill "$timer" 2>/dev/null
echo $rc >"$side/rc.new"
mv "$side/rc.new" "$side/rc"
