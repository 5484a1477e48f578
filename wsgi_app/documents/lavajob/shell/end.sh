chmod 755 "$lava"/bin/*
cd "$lava/0/tests/$run" || exit 1
if [ -e "$lava/archive" ]; then
    base64 -d <"$lava/archive" | gzip -dc | tar -xf - || lost "the test's files cannot be unpacked"
    rm -f "$lava/archive"
fi
uuid=${TACKROOM_TASK:-${RSTRNT_TASKID:-0}}
echo "$uuid" >uuid

# before the environment is theirs, by which processes of the test are known
watch() {
    sleep "$1" &
    echo "$!" >"$lava/nap"
    wait "$!"
    rm -f "$lava/nap"
    : >"$lava/late"
    sweep "LAVA_HOME=$lava"
}
if [ -n "$max_seconds" ]; then
    watch "$max_seconds" </dev/null >/dev/null 2>&1 &
    watcher=$!
fi

# LAVA runs steps by bash wherever there is one. By its path: a shell that is a part of busybox would run itself as it is,
# with the environment that it began with
case $(command -v bash) in
/*) LAVA_SHELL=$(command -v bash) ;;
*) LAVA_SHELL=/bin/sh ;;
esac
LAVA_HOME=$lava
LAVA_RESULT_DIR=$lava/0/results
LAVA_SYNC_SECONDS=$sync_seconds
TARGET_ROLE=$role
TESTRUN_ID=$run
PATH=$lava/bin:$PATH
export LAVA_SHELL LAVA_HOME LAVA_RESULT_DIR LAVA_SYNC_SECONDS TARGET_ROLE TESTRUN_ID PATH

# perform FILE WORDS...: run a script of the test, unless the last one took too long or gave up; its status in `status`
perform() {
    "$LAVA_SHELL" "$@" &
    wait "$!" 2>/dev/null
    status=$?
    if [ -e "$lava/late" ]; then
        echo "the test took longer than $max_seconds seconds" >"$lava/raised"
        echo "<LAVA_SIGNAL_TESTRAISE $(cat "$lava/raised")>"
    elif [ ! -e "$lava/raised" ]; then
        return
    fi
    sweep "LAVA_HOME=$lava"
    give_up
}

# give_up: the test cannot go on, nor can the recipe; why, is in a file
give_up() {
    echo "<LAVA_SIGNAL_ENDRUN $run $uuid>"
    abort_recipe "$(cat "$lava/raised")"
    exit 1
}

[ ! -e "$lava/bin/lava-hello" ] || lava-hello
echo "<LAVA_SIGNAL_STARTRUN $run $uuid>"
if [ -e "$lava/install.sh" ]; then
    perform "$lava/install.sh"
    if [ "$status" -ne 0 ]; then
        echo "the installation of the test ended with status $status" >"$lava/raised"
        echo "<LAVA_SIGNAL_TESTRAISE $(cat "$lava/raised")>"
        give_up
    fi
fi
perform -e "$lava/run.sh"
if [ "$status" -ne 0 ]; then
    echo "a step of $run has ended with status $status, and what comes behind it is not run" >&2
    echo "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=lava-test-shell RESULT=fail>"
fi
if [ -e "$lava/expected" ]; then
    while IFS= read -r name; do
        grep -qxF -e "$name" "$lava/cases" || echo "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=$name RESULT=fail>"
    done <"$lava/expected"
fi
echo "<LAVA_SIGNAL_ENDRUN $run $uuid>"
exit 0
