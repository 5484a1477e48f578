. "${0%/*}/lava-common-functions"
usage='lava-test-set start NAME
       lava-test-set stop [NAME]'
case ${1-} in
start)
    [ $# -eq 2 ] || usage
    need "the name of a test set" "$2"
    signal "TESTSET START $2"
    ;;
stop) signal "TESTSET STOP" ;;
*) usage ;;
esac
