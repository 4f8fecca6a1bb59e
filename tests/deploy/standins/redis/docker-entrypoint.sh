#!/bin/sh
# As the official one: options become redis-server's, root becomes redis, no protected mode.
set -e
case ${1:-} in
  -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . ! -user redis -exec chown redis {} +
  exec /usr/bin/setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"
fi
umask 0077
case "$*" in
  *protected-mode* | *--version*) ;;
  redis-server*) set -- "$@" --protected-mode no ;;
esac
exec "$@"
