#!/bin/sh
# Run when the configuration is made: finds the gateways, and goes on looking for them.
set -eu

rm -f /tmp/nginx.pid
# With a name given, who calls by another is a stranger; without one there are none.
if [ -z "${SERVER_NAME:-}" ]; then rm -f /etc/nginx/conf.d/00-strangers.conf; fi
gateways look
while :; do
  gateways watch
  sleep 1
done &
