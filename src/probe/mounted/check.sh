# Checks the file system without writing to it.
stage=check
case "$fs" in
  ext*)
    needs e2fsck
    said=$(within e2fsck -fn "$source" 2>&1)
    ;;
  xfs)
    needs xfs_repair
    said=$(within xfs_repair -n "$source" 2>&1)
    ;;
  *)
    needs btrfs
    said=$(within btrfs check --readonly "$source" 2>&1)
    ;;
esac
code=$?
case "$said" in
  *'skipping journal recovery'*|*'changes in a log'*) journal=dirty ;;
  *) journal=clean ;;
esac
if [ "$code" -ne 0 ]; then printf '%s\n' "$said" | tail -n 5 >&2; fi
case "$code" in
  0) checked=true ;;
  124|137) stop time ;;
  *) stop check ;;
esac
