. "${0%/*}/lava-common-functions"
usage='lava-test-case-attach NAME FILE [MIME-TYPE]'
[ $# -ge 2 ] && [ $# -le 3 ] || usage
need "the name of a test case" "$1"
[ -f "$2" ] || refuse "there is no file $2"
report_log "$2"
