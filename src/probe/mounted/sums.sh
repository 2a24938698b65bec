# The checksum of one file, or why there is none.
sum() {
  file=$(readlink -f "$base/$1")
  case "$file" in "$at"/*) ;; *) file='' ;; esac
  if [ -z "$file" ] || ! [ -f "$file" ]; then
    sums="$sums,\"missing\""
    return 0
  fi
  line=$(within sha256sum <"$file")
  case $? in
    0) sums="$sums,\"${line%% *}\"" ;;
    124|137) stop time ;;
    *) sums="$sums,\"unread\"" ;;
  esac
}
