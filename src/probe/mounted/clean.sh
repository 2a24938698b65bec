# Unmounts what a script that did not end may have left. Before it stands `at`.
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
held() {
  findmnt -nro SOURCE --mountpoint "$at" 2>/dev/null
}
for _ in 1 2 3; do
  if [ -z "$(held)" ]; then break; fi
  umount "$at" || sleep 1
done
if [ -n "$(held)" ]; then
  echo left
else
  if [ -d "$at" ]; then rmdir "$at"; fi
  echo clean
fi
