# What the tools for several systems have in common. A message is a sync state of the recipe set; with it is said who
# sent it, and its pairs: words between bars, each as it is, or all of its bytes as octal numbers behind tildes.

# packed WORD
packed() {
    LC_ALL=C
    case $1 in
    *[!A-Za-z0-9._:+=@-]*) printf %s "$1" | od -An -v -to1 | tr -d ' \n' | sed 's/.../~&/g' ;;
    *) printf %s "$1" ;;
    esac
}

# unpacked WORD
unpacked() {
    printf %b "$(printf %s "$1" | sed 's/~/\\0/g')"
}

# messages: what was said, a message a line, from what sync_wait prints
messages() {
    tr ',{}' '\n\n\n' | sed -n 's/^ *"[0-9][0-9]*": *"\([^"]*\)" *$/\1/p'
}

# pairs [FORMAT]: the pairs of messages, a pair a line; FORMAT is printf's for system and pair
pairs() {
    while IFS= read -r message; do
        rest=$message'|'
        system=$(unpacked "${rest%%|*}")
        rest=${rest#*|}
        rest=${rest#*|}
        while [ -n "$rest" ]; do
            # shellcheck disable=SC2059 # it is ours
            printf "$1" "$system" "$(unpacked "${rest%%|*}")"
            rest=${rest#*|}
        done
    done
}

# keep FORMAT: put pairs into the cache, which may be where others can write, too
keep() {
    cache=${LAVA_MULTI_NODE_CACHE:-/tmp/lava_multi_node_cache.txt}
    mkdir -p "$(dirname "$cache")" && rm -f "$cache" && (
        set -C
        pairs "$1" >"$cache"
    )
}

# need_message WORD: refuse a word that is no name of a message
need_message() {
    need "the name of a message" "$1"
    case $1 in
    */* | *=*) refuse "the name of a message has a slash or an equals sign in it: $1" ;;
    esac
}

# end_call CALL NAME STATUS: tell what became of it, as LAVA does, and end
end_call() {
    name=multinode-$(printf %s "$1-$2" | tr '[:upper:]' '[:lower:]')
    if [ "$3" -eq 0 ]; then
        signal "TESTCASE TEST_CASE_ID=$name RESULT=pass"
        exit 0
    fi
    signal "TESTCASE TEST_CASE_ID=$name RESULT=fail"
    exit 1
}

# wait_for STATE WORDS...: print the messages of those who are waited for
wait_for() {
    answer=$(sync_wait "$@" ${LAVA_SYNC_SECONDS:+--timeout "$LAVA_SYNC_SECONDS"}) || return
    printf '%s\n' "$answer" | messages
}

# say STATE PAIR...: who this is, and the pairs
say() {
    text="$(packed "$(cat "$LAVA_HOME/self")")|$(packed "${TARGET_ROLE-}")"
    state=$1
    shift
    for pair; do
        text="$text|$(packed "$pair")"
    done
    [ "${#text}" -le 4000 ] || refuse "a message has at most 4000 characters"
    sync_set "$state" "$text"
}
