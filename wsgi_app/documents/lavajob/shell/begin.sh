# A test of a LAVA job: its files go into a directory of their own, laid out as LAVA does, which is removed at the end.
umask 022
lava=$(mktemp -d "${PWD%/}/lava-XXXXXX") || exit 1
watcher=

# lost MESSAGE: end, because the test cannot be run
lost() {
    echo "<LAVA_SIGNAL_TESTRAISE $1>"
    abort_recipe "$1"
    exit 1
}

# put FILE: write what comes to a file below the directory
put() {
    cat >"$lava/$1" || lost "the test's files cannot be written"
}

# sweep WORD: kill the processes whose environment began with that word in it
sweep() {
    for round in 1 2 3; do
        found=
        for process in /proc/[0-9]*; do
            # the grep of busybox sees no further than the first NUL
            case $(tr '\0' '\n' 2>/dev/null <"$process/environ") in
            *"$1"*)
                found=$process
                kill -9 "${process#/proc/}"
                ;;
            esac
        done 2>/dev/null
        [ -n "$found" ] || return 0
    done
}

leave() {
    if [ -n "$watcher" ]; then
        # a process that is only just made may lose any other signal
        kill -9 "$watcher"
        kill -9 "$(cat "$lava/nap")"
        # bash tells of its end where it learns of it
        wait "$watcher"
    fi 2>/dev/null
    for process in "$lava"/background/*; do
        [ ! -e "$process" ] || sweep "LAVA_BACKGROUND=$lava/${process##*/}/"
    done
    cd / && rm -rf "$lava"
}

trap leave EXIT
trap 'exit 143' HUP INT TERM
mkdir -p "$lava/bin" "$lava/background" "$lava/0/results" "$lava/0/tests/$run" || exit 1
: >"$lava/cases"
