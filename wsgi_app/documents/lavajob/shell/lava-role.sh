. "${0%/*}/lava-common-functions"
usage='lava-role [list]'
case $#${1-} in
0) printf '%s\n' "${TARGET_ROLE-}" ;;
1list) cat "$LAVA_HOME/roles" ;;
*) usage ;;
esac
