#!/bin/sh
# Usage: reachable.sh HOST PORT [HOST PORT ...]
#
# A check of your own in a drill: arguments in, one JSON object on stdout, exit code 0 when it could look. This one says
# how many targets it was given and whether they all differ: two restores that answer at the same address are one.
set -eu

if [ "$#" -eq 0 ] || [ "$(($# % 2))" -ne 0 ]; then
    echo "usage: reachable.sh HOST PORT [HOST PORT ...]" >&2
    exit 2
fi

targets=0
distinct=true
seen=" "
while [ "$#" -gt 0 ]; do
    case "$2" in
        '' | *[!0-9]*)
            echo "a port is not a number" >&2
            exit 2
            ;;
    esac
    target="$1:$2"
    case "$seen" in
        *" $target "*) distinct=false ;;
    esac
    seen="$seen$target "
    targets=$((targets + 1))
    shift 2
done

printf '{"targets": %d, "distinct": %s}\n' "$targets" "$distinct"
