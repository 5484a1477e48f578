# Who the others are is known when each has begun a test, and stays.
. "${0%/*}/lava-common-functions"
. "${0%/*}/lava-multi-node"
usage='lava-group [ROLE]'
[ $# -le 1 ] || usage
group=$LAVA_HOME/group
if [ ! -e "$group" ]; then
    found=$(wait_for lava-group) || refuse "the others have not begun, and will not"
    printf '%s\n' "$found" | while IFS='|' read -r system role; do
        printf '%s\t%s\n' "$(unpacked "$system")" "$(unpacked "$role")"
    done >"$group.$$" && mv "$group.$$" "$group"
fi
[ $# -eq 1 ] || exec cat "$group"
status=1
tab=$(printf '\t')
while IFS=$tab read -r system role; do
    if [ "$role" = "$1" ]; then
        printf '%s\n' "$system"
        status=0
    fi
done <"$group"
exit "$status"
