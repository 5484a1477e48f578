. "${0%/*}/lava-common-functions"
usage='lava-test-feedback --namespace NAME'
[ "${1-}" = --namespace ] && [ $# -eq 2 ] || usage
need "the namespace" "$2"
signal "TESTFEEDBACK $2"
