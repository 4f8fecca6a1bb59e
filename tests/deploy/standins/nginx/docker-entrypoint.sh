#!/bin/sh
# As the official one: runs what lies in /docker-entrypoint.d in order, then Nginx.
set -e
if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
  find /docker-entrypoint.d/ -follow -type f | sort -V >/tmp/docker-entrypoint
  while read -r file; do
    [ -x "$file" ] || continue
    # shellcheck disable=SC1090  # whatever lies there
    case $file in
      *.envsh) . "$file" ;;
      *.sh) "$file" ;;
    esac
  done </tmp/docker-entrypoint
  rm /tmp/docker-entrypoint
fi
exec "$@"
