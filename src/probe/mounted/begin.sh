# What every script begins with. Before it stand `at`, the directory that it makes, and `seconds`, its longest time.
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
umask 077
stage=tool made='' mounted=false fs='' checked=null journal='' code=0 files=null bytes=null newest=null sums=''
deadline=$(($(date +%s) + seconds))

# Runs a program for the time that is left; 124 or 137 when that is over.
within() {
  rest=$((deadline - $(date +%s)))
  if [ "$rest" -le 0 ]; then return 124; fi
  timeout -k 5 "$rest" "$@"
}

needs() {
  for tool in "$@"; do
    if ! command -v "$tool" >/dev/null 2>&1; then
      echo "$tool is not installed" >&2
      stop tool
    fi
  done
}

stop() {
  stage=$1
  exit 1
}

held() {
  findmnt -nro SOURCE --mountpoint "$at" 2>/dev/null
}

# Whatever happened, the directory does not stay mounted, and what is known is told.
finish() {
  trap - EXIT
  left=false
  if [ -n "$made" ]; then
    for _ in 1 2 3; do
      if [ -z "$(held)" ]; then break; fi
      umount "$at" || sleep 1
    done
    if [ -n "$(held)" ]; then left=true; else rmdir "$at"; fi
  fi
  case "$code" in ''|*[!0-9]*) code=1 ;; esac
  printf '{"stage":"%s","mounted":%s,"file_system":"%s","checked":%s,"journal":"%s","code":%s,' \
    "$stage" "$mounted" "$fs" "$checked" "$journal" "$code"
  printf '"files":%s,"bytes":%s,"newest":%s,"sums":[%s],"left":%s}\n' \
    "$files" "$bytes" "$newest" "${sums#,}" "$left"
  exit 0
}

trap finish EXIT
trap 'exit 1' HUP INT TERM
needs awk find findmnt mount readlink sha256sum timeout umount
