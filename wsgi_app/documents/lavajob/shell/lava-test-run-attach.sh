. "${0%/*}/lava-common-functions"
usage='lava-test-run-attach FILE [MIME-TYPE]'
[ $# -ge 1 ] && [ $# -le 2 ] || usage
[ -f "$1" ] || refuse "there is no file $1"
report_log "$1"
