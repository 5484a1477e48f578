# What the tools have in common. A wrong call ends with 1, and with a sentence on standard error.
LAVA_HOME=${LAVA_HOME:-${0%/*/*}}

refuse() {
    echo "${0##*/}: $*" >&2
    exit 1
}

usage() {
    echo "usage: $usage" >&2
    exit 1
}

# need WHAT WORD: refuse a word that would be no word of a signal
need() {
    case $2 in
    '') refuse "$1 is empty" ;;
    *[[:space:][:cntrl:]]* | *[\<\>\"\'\`\$\\]*)
        refuse "$1 has white space, control characters or one of <>\"'\`\$\\ in it: $2"
        ;;
    esac
    [ "${#2}" -le 200 ] || refuse "$1 has more than 200 characters"
}

need_result() {
    case $1 in
    pass | fail | skip | unknown) ;;
    *) refuse "the result is pass, fail, skip or unknown, not: $1" ;;
    esac
}

need_number() {
    number=${1#[-+]}
    digits=${number%%[eE]*}
    exponent=${number#"$digits"}
    exponent=${exponent#[eE]}
    [ "$digits" != "$number" ] || exponent=0
    exponent=${exponent#[-+]}
    case $digits/$exponent in
    / | ./* | */ | *[!0-9.]*/* | *.*.*/* | */*[!0-9]* | */????*) refuse "the measurement is no number: $1" ;;
    esac
    case $digits in
    *[0-9]*) [ "${#digits}" -le 40 ] || refuse "the measurement has more than 40 digits" ;;
    *) refuse "the measurement is no number: $1" ;;
    esac
}

signal() {
    printf '<LAVA_SIGNAL_%s>\n' "$*"
}

# told WORDS...: the same as one line that a signal can have in it
told() {
    printf '%s' "$*" | tr '<>$\n\r\t' '()_   ' | tr -d '\000-\037\177' | head -c 1000
}
