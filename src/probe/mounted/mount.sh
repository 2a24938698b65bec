# Mounts `source`, of the type `fs` and with `options`. Before what others wrote is read, nothing of it can be run.
if ! mkdir "$at"; then stop folder; fi
made=yes
within mount -t "$fs" -o "$options,nosuid,nodev,noexec" "$source" "$at"
code=$?
case "$code" in
  0) mounted=true ;;
  124|137) stop time ;;
  *) stop mount ;;
esac
base=$at
