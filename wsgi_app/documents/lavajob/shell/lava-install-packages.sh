. "${0%/*}/lava-common-functions"
usage='lava-install-packages PACKAGE...'
[ $# -gt 0 ] || usage
if command -v apt-get >/dev/null 2>&1; then
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get -q update
    exec apt-get -q -y install "$@"
fi
for manager in 'dnf -y install' 'yum -y install' 'zypper -n install' 'apk add' 'pacman -S --noconfirm' 'opkg install'; do
    if command -v "${manager%% *}" >/dev/null 2>&1; then
        # shellcheck disable=SC2086 # the manager's words
        exec $manager "$@"
    fi
done
refuse "no package manager that it knows is here"
