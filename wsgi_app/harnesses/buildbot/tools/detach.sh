#!/bin/sh
# detach.sh SIDE SECONDS COMMAND...: starts COMMAND in a session of its own, which outlives who started it; at most once.
# SECONDS: how long it may take, 0 for as long as it likes.
side=$1
command -v setsid >/dev/null || exit 127
mkdir "$side/started" || exit 0 # it was started before
: >>"$side/out"
setsid /bin/sh "$side/session.sh" "$@" </dev/null >>"$side/out" 2>&1 &
