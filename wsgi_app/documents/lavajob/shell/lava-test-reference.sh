. "${0%/*}/lava-common-functions"
usage='lava-test-reference NAME --result pass|fail|skip|unknown --reference URL'
[ $# -eq 5 ] || usage
name=$1
need "the name of a test case" "$name"
shift
result=
reference=
while [ $# -gt 0 ]; do
    case $1 in
    --result)
        need_result "$2"
        result=$2
        ;;
    --reference)
        need "the reference" "$2"
        reference=$2
        ;;
    *) usage ;;
    esac
    shift 2
done
[ -n "$result" ] || refuse "--result must be given"
[ -n "$reference" ] || refuse "--reference must be given"
printf '%s\n' "$name" >>"$LAVA_HOME/cases"
signal "TESTREFERENCE $name $result $reference"
