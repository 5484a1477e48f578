. "${0%/*}/lava-common-functions"
cat "$LAVA_HOME/self"
