#!/bin/sh
# lay.sh ID [NAME...]: lays links to the files NAMEs (their bytes in octal, as for printf %b) beside this script, as
# ID.0, ID.1 and so on, and says of each "ok" or what is wrong with it. The worker can name any file then, and is not made to
# wait for what is no file.
PATH=$PATH:/usr/local/bin:/usr/bin:/bin
cd "${0%/*}" || exit 3
id=$1
shift
number=0
for name; do
    file=$(printf '%b.' "$name") # a name may end with a line end
    file=${file%.}
    if [ -f "$file" ]; then
        if [ -r "$file" ]; then
            ln -s -- "$file" "$id.$number" && echo ok || echo "cannot be linked"
        else
            echo "Permission denied"
        fi
    elif [ -e "$file" ]; then
        echo "not a regular file"
    else
        echo "No such file or directory"
    fi
    number=$((number + 1))
done
