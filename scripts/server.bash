# Sourced by start.sh and stop.sh: which process is the server that was started here.
# shellcheck shell=bash

# Of the server that start.sh started last: the lines that remember_server writes.
server_file=run/server

# When a process started, in clock ticks since the machine did; with the number, it names a process.
started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The name in the second field may hold anything, so count from its closing parenthesis.
  read -ra stat <<<"${stat##*) }"
  [[ ${stat[0]} != Z ]] && echo "${stat[19]}"
}

# remember_server PID URL SECONDS_OF_A_STOP
remember_server() {
  printf 'pid=%s\nstarted=%s\nurl=%s\nstop_s=%s\n' "$1" "$(started_at "$1")" "$2" "$3" >"$server_file.new"
  mv "$server_file.new" "$server_file"
}

# Sets pid, started, url and stop_s. Fails when no server was started here, or that one has ended and its
# number may be a stranger's by now.
find_server() {
  pid='' started='' url='' stop_s=''
  [[ -r $server_file ]] || return 1
  local name value
  while IFS='=' read -r name value; do
    case $name in
      pid) pid=$value ;;
      started) started=$value ;;
      url) url=$value ;;
      stop_s) stop_s=$value ;;
    esac
  done <"$server_file"
  [[ $pid =~ ^[1-9][0-9]*$ && $started =~ ^[0-9]+$ && $stop_s =~ ^[0-9]+$ ]] || return 1
  is_alive
}

# Whether the process that find_server found is still that one.
is_alive() {
  [[ $(started_at "$pid") == "$started" ]] &&
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF gunicorn
}
