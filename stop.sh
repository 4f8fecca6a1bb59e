#!/usr/bin/env bash
# Stops the server that ./start.sh started here: lets it finish what is in flight, then ends it.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/say.bash
. scripts/server.bash

if ! find_server; then
  rm -f "$server_file"
  if [[ $pid ]]; then
    say "Nothing runs here: the last server, process $pid, has ended."
  else
    say "Nothing runs here."
  fi
  exit
fi

say "Stopping MaoOCR at $url (process $pid); what is in flight is finished first."
kill -TERM "$pid" || die "Process $pid cannot be stopped; it may belong to another user."
waited_from=$SECONDS
while is_alive; do
  if ((SECONDS - waited_from > stop_s)); then
    kill -KILL "$pid"
    rm -f "$server_file"
    die "It did not end within $stop_s s and was killed."
  fi
  sleep 0.1
done
rm -f "$server_file"
say "Stopped after $((SECONDS - waited_from)) s."
