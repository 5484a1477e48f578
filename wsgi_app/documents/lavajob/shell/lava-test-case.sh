. "${0%/*}/lava-common-functions"
usage='lava-test-case NAME --shell COMMAND...
       lava-test-case NAME --result pass|fail|skip|unknown [--measurement NUMBER] [--units UNITS] [--output FILE]'
[ $# -gt 1 ] || usage
TEST_CASE_ID=$1
export TEST_CASE_ID
need "the name of a test case" "$TEST_CASE_ID"
shift
result=
data=
output=
if [ "$1" = --shell ]; then
    shift
    [ $# -gt 0 ] || usage
    signal "STARTTC $TEST_CASE_ID"
    if "${LAVA_SHELL:-/bin/sh}" -c "$*"; then result=pass; else result=fail; fi
    signal "ENDTC $TEST_CASE_ID"
    set --
fi
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || usage
    case $1 in
    --result)
        need_result "$2"
        result=$2
        ;;
    --measurement)
        need_number "$2"
        data="$data MEASUREMENT=$2"
        ;;
    --units)
        need "the units" "$2"
        data="$data UNITS=$2"
        ;;
    --output)
        [ -r "$2" ] || refuse "there is no file $2"
        output=$2
        ;;
    *) usage ;;
    esac
    shift 2
done
[ -n "$result" ] || refuse "--result must be given"
if [ -n "$output" ]; then
    signal "STARTTC $TEST_CASE_ID"
    cat -- "$output"
    signal "ENDTC $TEST_CASE_ID"
fi
printf '%s\n' "$TEST_CASE_ID" >>"$LAVA_HOME/cases"
signal "TESTCASE TEST_CASE_ID=$TEST_CASE_ID RESULT=$result$data"
# a command that fails is the case's failure, and not that of the step
exit 0
