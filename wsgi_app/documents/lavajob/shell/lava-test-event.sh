. "${0%/*}/lava-common-functions"
usage='lava-test-event MESSAGE'
[ $# -eq 1 ] && [ -n "$1" ] || usage
signal "TESTEVENT $(told "$1")"
