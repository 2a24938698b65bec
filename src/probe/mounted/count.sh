# Files, their bytes and the newest of them, in one walk.
counted=$({ within find "$top" -xdev -type f -printf '%T@ %s\n'; echo "end $?"; } | awk '
  $1 == "end" { code = $2; next }
  { files++; bytes += $2; if ($1 > newest) newest = $1 }
  END { printf "%.0f %.0f %.0f %.0f", files, bytes, newest, code }
')
code=${counted##* }
counted=${counted% *}
case "$code" in
  0) ;;
  124|137) stop time ;;
  *) stop walk ;;
esac
files=${counted%% *}
counted=${counted#* }
bytes=${counted%% *}
if [ "$files" -gt 0 ]; then newest=${counted##* }; fi
