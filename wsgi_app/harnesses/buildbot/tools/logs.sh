#!/bin/sh
# logs.sh: writes the names of the regular files in the task's logs directory to `names` beside this script, each ended by a NUL.
PATH=$PATH:/usr/local/bin:/usr/bin:/bin
cd "${0%/*}/../logs" || exit 3
find . -type f -exec printf '%s\0' {} + >../side/names
