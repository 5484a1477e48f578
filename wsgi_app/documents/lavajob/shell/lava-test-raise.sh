. "${0%/*}/lava-common-functions"
usage='lava-test-raise MESSAGE...'
[ -n "$*" ] || usage
told "$@" >"$LAVA_HOME/raised"
signal "TESTRAISE $(cat "$LAVA_HOME/raised")"
# whoever called this may go on after a failure: the test is over
[ -z "${LAVA_STEPS-}" ] || kill -9 "$LAVA_STEPS" 2>/dev/null
exit 1
