words=$(echo "$lines" | sort -n | while read -r number word; do
  if [ -n "$word" ]; then printf ',"%s"' "$word"; fi
done)
printf '{"how":"%s","names":%s,"words":[%s]}\n' "$how" "$names" "${words#,}"
