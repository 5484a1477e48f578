"""Shell text that scripts of several kinds begin with. It needs a POSIX shell and the core utilities (GNU, busybox).

What it asks or tells the controller goes by the tools of whichever harness runs the script: `tackroom-report` and
`tackroom-sync`, or restraint's and curl.
"""

from textwrap import dedent

#: report_log FILE: make a file a log of the task
REPORT_LOG = dedent(
    """
    # report_log FILE
    report_log() {
        if command -v tackroom-report >/dev/null 2>&1; then
            tackroom-report --log "$1"
        elif command -v rstrnt-report-log >/dev/null 2>&1; then
            rstrnt-report-log -l "$1" >/dev/null
        else
            echo "${1##*/} is not reported: there is neither tackroom-report nor rstrnt-report-log" >&2
        fi
    }
    """
)

#: abort_recipe MESSAGE, where there is SYNC, too: end the recipe, if there is a way; the task is killed for it
ABORT = dedent(
    r"""
    # abort_recipe MESSAGE
    abort_recipe() {
        if command -v tackroom-abort >/dev/null 2>&1; then
            tackroom-abort -- "$1"
            return
        fi
        sync_find && sync_ask POST status "status=Aborted&message=$(sync_quote "$1")" >/dev/null
    }
    """
)

#: sync_set STATE TEXT and sync_wait STATE [--any] [--others] [--role ROLE] [--timeout SECONDS], with the exit
#: statuses of `tackroom-sync`. A wait prints what the others said; by curl that is the controller's whole answer.
#: TEXT has no quotes, backslashes and control characters.
SYNC = dedent(
    r"""
    # sync_set STATE TEXT
    sync_set() {
        if command -v tackroom-sync >/dev/null 2>&1; then
            tackroom-sync set "$1" --say "\"$2\""
            return
        fi
        sync_find || return
        sync_ask PUT "sync/$(sync_quote "$1")" "\"$2\"" >/dev/null
    }

    # sync_wait STATE [--any] [--others] [--role ROLE] [--timeout SECONDS]
    sync_wait() {
        if command -v tackroom-sync >/dev/null 2>&1; then
            tackroom-sync wait "$@"
            return
        fi
        sync_find || return
        path="sync/$(sync_quote "$1")?"
        shift
        end=
        while [ $# -gt 0 ]; do
            case $1 in
            --role)
                path="${path}role=$(sync_quote "$2")&"
                shift
                ;;
            --timeout)
                end=$(($(date +%s) + $2))
                shift
                ;;
            *) path="$path${1#--}=1&" ;;
            esac
            shift
        done
        while :; do
            seconds=30
            [ -z "$end" ] || seconds=$((end - $(date +%s)))
            [ "$seconds" -le 30 ] || seconds=30
            [ "$seconds" -ge 0 ] || seconds=0
            answer=$(sync_ask GET "${path}timeout=$seconds") || return
            case $answer in
            *'"reached": true'* | *'"reached":true'*)
                printf '%s\n' "$answer"
                return 0
                ;;
            esac
            if [ -n "$end" ] && [ "$(date +%s)" -ge "$end" ]; then
                echo "not there: $answer" >&2
                return 1
            fi
        done
    }

    # sync_ask METHOD PATH [BODY]: ask below the recipe's URL until there is an answer, and print it
    sync_ask() {
        while :; do
            # the key is in no command line
            said=$({
                printf 'url = "%s/%s"\nrequest = "%s"\n' "$recipe" "$2" "$1"
                [ -z "$user" ] || printf 'user = "%s"\n' "$user"
                [ -z "${3+there}" ] || printf 'data = "%s"\n' "$(printf %s "$3" | sed 's/"/\\"/g')"
            } | curl -q -sS -K - --max-time 60 -w '\n%{http_code}')
            case $said in
            *'
    '2??)
                printf '%s\n' "${said%
    ???}"
                return 0
                ;;
            *sync.dead-peer*'
    409')
                echo "refused: $said" >&2
                return 3
                ;;
            *'
    '4??)
                echo "refused: $said" >&2
                return 4
                ;;
            *) sleep 5 ;;
            esac
        done
    }

    # sync_find: the recipe's URL as restraint has it goes into `recipe`, the key that is its userinfo into `user`
    sync_find() {
        command -v curl >/dev/null 2>&1 || {
            echo "neither tackroom-sync nor curl is here" >&2
            return 127
        }
        config=${RESTRAINT_CONFIG:-/etc/restraint/config.conf}
        url=
        [ ! -r "$config" ] || url=$(sed -n 's/^recipe_url *= *//p' "$config" | tail -n 1)
        if [ -z "$url" ] && [ -n "${BEAKER_LAB_CONTROLLER_URL-}" ]; then
            url=${BEAKER_LAB_CONTROLLER_URL%/}/recipes/${BEAKER_RECIPE_ID:-${RSTRNT_RECIPEID-}}
        fi
        [ -n "$url" ] || {
            echo "neither $config nor BEAKER_LAB_CONTROLLER_URL names the recipe" >&2
            return 2
        }
        user=
        rest=${url#*://}
        case ${rest%%/*} in
        *@*)
            user=${rest%%@*}
            rest=${rest#*@}
            ;;
        esac
        recipe=${url%%://*}://${rest%/}
    }

    # sync_quote TEXT: as a part of a URL
    sync_quote() {
        printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'
    }
    """
)
