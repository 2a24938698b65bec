# `path` is what is asked for. A link in it may lead out of what was mounted, and is not followed there.
top=$(readlink -f "$base/$path")
case "$top/" in "$at"/*) ;; *) stop path ;; esac
if ! [ -e "$top" ]; then stop path; fi
