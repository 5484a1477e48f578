. "${0%/*}/lava-common-functions"
usage='lava-echo-ipv4 INTERFACE'
[ $# -eq 1 ] || usage
if command -v ip >/dev/null 2>&1; then
    ip -4 -o addr show dev "$1" | sed -n 's/.* inet \([0-9.]*\).*/\1/p' | head -n 1
elif command -v ifconfig >/dev/null 2>&1; then
    ifconfig "$1" | sed -n 's/.*inet \(addr:\)*\([0-9.]*\).*/\2/p' | head -n 1
else
    refuse "neither ip nor ifconfig is here"
fi
