# AWS Backup puts what it restores into a folder of its own.
for folder in "$at"/aws-backup-restore_*; do
  if [ -d "$folder" ]; then
    if [ "$base" != "$at" ]; then stop several; fi
    base=$folder
  fi
done
if [ "$base" = "$at" ]; then stop restored; fi
