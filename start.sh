#!/usr/bin/env bash
# Starts MaoOCR on this machine, for local use and debugging. See --help.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/say.bash
. scripts/server.bash

log=logs/server.log

usage() {
  cat <<'USAGE'
Usage: ./start.sh [--foreground] [--reload] [--host ADDRESS] [--port N]

Makes the environment if it is missing, starts the server in the background, waits until it is
ready and prints its address. The log is logs/server.log; ./stop.sh ends it.

  --foreground    stay in this terminal, with the log
  --reload        take up changes of the source
  --host ADDRESS  listen there (MAOOCR_SERVER__HOST)
  --port N        listen there; 0 takes a free port (MAOOCR_SERVER__PORT)
USAGE
}

foreground='' options=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --foreground) foreground=yes ;;
    --reload) options+=(--reload) ;;
    --host | --port)
      [[ $# -ge 2 && -n $2 ]] || die "$1 needs a value; ./start.sh --help says more."
      if [[ $1 == --host ]]; then export MAOOCR_SERVER__HOST=$2; else export MAOOCR_SERVER__PORT=$2; fi
      shift
      ;;
    --help | -h)
      usage
      exit
      ;;
    *) die "./start.sh knows no $1; ./start.sh --help says what it knows." ;;
  esac
  shift
done

tell_address() {
  say "MaoOCR $1 $2 (process $3). Try:"
  say "  curl -F image=@docs/samples/receipt.jpg $2/api/ocr/recognize"
}

mkdir -p run logs || die "The folders run and logs cannot be made in $PWD."
# Two starts at once would both find no server.
exec 8>run/lock
flock 8

if find_server; then
  tell_address "runs already at" "$url" "$pid"
  exit
fi

./scripts/install
need_disk 64 "the log"
export PYTHONPATH=$PWD/src
checked=$(.venv/bin/python -m scripts.launch.check) || exit 1
read -r host port stop_s <<<"$checked"
export MAOOCR_SERVER__PORT=$port
case $host in
  0.0.0.0 | ::) host=127.0.0.1 ;;
  *:*) host="[$host]" ;;
esac
url=http://$host:$port
server=(.venv/bin/python -m gunicorn --config configs/gunicorn.py "${options[@]}")

if [[ $foreground ]]; then
  remember_server $$ "$url" "$stop_s"
  {
    .venv/bin/python -m scripts.launch.wait $$ "$url" && tell_address "is ready at" "$url" $$
  } 8>&- &
  exec "${server[@]}" 8>&-
fi

if [[ -f $log && $(stat -c %s "$log") -gt 10000000 ]]; then
  mv "$log" "$log.1"
fi
touch "$log"
already=$(stat -c %s "$log")
setsid "${server[@]}" >>"$log" 2>&1 </dev/null 8>&- &
server_pid=$!

give_up() {
  kill "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  rm -f "$server_file"
  say "The last lines of $log:" >&2
  tail -c "+$((already + 1))" "$log" | tail -n 20 | sed 's/^/  /' >&2
  die "MaoOCR did not start."
}
trap give_up INT TERM

remember_server "$server_pid" "$url" "$stop_s"
.venv/bin/python -m scripts.launch.wait "$server_pid" "$url" || give_up
tell_address "is ready at" "$url" "$server_pid"
