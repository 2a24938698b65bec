# Finds the volume's device, and on it the first file system that is wanted. Before it stand `serial`, `device`,
# `number` (a partition's) and `wanted` (a file system's type), each but the first empty where nobody asked for one.
needs lsblk
attached() {
  link=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$serial
  if [ -b "$link" ]; then
    readlink -f "$link"
    return 0
  fi
  lsblk -dnro NAME,SERIAL | while read -r name own; do
    if [ "$own" = "$serial" ]; then echo "/dev/$name"; fi
  done | head -n 1
}
if [ -n "$device" ]; then dev=$(readlink -f "$device"); else dev=$(attached); fi
if [ -z "$dev" ] || ! [ -b "$dev" ]; then stop device; fi
own=$(lsblk -dnro SERIAL "$dev" | head -n 1)
if [ -n "$own" ] && [ "$own" != "$serial" ]; then stop other; fi

found=$(lsblk -nrpo NAME,TYPE,FSTYPE "$dev" | while read -r name kind own; do
  case "$kind" in disk|part) ;; *) continue ;; esac
  if [ -n "$number" ] && [ "$name" != "${dev}p$number" ] && [ "$name" != "$dev$number" ]; then continue; fi
  if [ -z "$own" ]; then own=$(blkid -o value -s TYPE "$name" 2>/dev/null); fi
  case "$own" in ''|*[!A-Za-z0-9_.-]*) continue ;; esac
  if [ -n "$wanted" ] && [ "$own" != "$wanted" ]; then continue; fi
  case "$own" in
    ext2|ext3|ext4|xfs|btrfs) echo "1 $name $own" ;;
    *) echo "2 $name $own" ;;
  esac
done | sort | head -n 1)
if [ -z "$found" ]; then stop none; fi
fs=${found##* }
source=${found#* }
source=${source% *}
case "$found" in 1*) ;; *) stop foreign ;; esac

# The journal is not replayed: what was restored stays as it was restored.
case "$fs" in
  xfs) options=ro,norecovery,nouuid ;;
  ext3|ext4) options=ro,noload ;;
  btrfs) options=ro,nologreplay ;;
  *) options=ro ;;
esac
