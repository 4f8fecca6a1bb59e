# Sourced by scripts/test and scripts/docker-engine: a Docker engine with Compose, started where none is and
# where that is allowed. Needs say.bash, and the top of the checkout as folder. Every step ends in time.
# shellcheck shell=bash

engine_pid=/var/run/docker.pid
engine_log=logs/dockerd.log
# The process that start_engine started, and what it made for it.
engine='' engine_mounted='' engine_bridge=''

answers() { timeout 20 docker info >/dev/null 2>&1; }
has_compose() { timeout 20 docker compose version >/dev/null 2>&1; }

# Sees to it that an engine answers; else no_engine says why there is none, as half a sentence.
start_engine() {
  mkdir -p logs
  no_engine=''
  if answers; then
    has_compose || no_engine="the Docker engine that answers is without Compose"
  elif [[ $EUID -ne 0 ]]; then
    no_engine="no Docker engine answers, and only root can start one"
  elif [[ $(cat /proc/"$(cat "$engine_pid" 2>/dev/null)"/comm 2>/dev/null) == dockerd ]]; then
    # Beside it another one would rewrite its rules of the network.
    no_engine="a Docker engine runs, and does not answer"
  elif ! unshare --mount true 2>/dev/null; then
    no_engine="no Docker engine answers, and this machine lets nobody mount anything, as one must"
  elif ! { command -v dockerd >/dev/null && has_compose; } &&
    ! timeout 420 bash -c '. scripts/say.bash && . scripts/engine.bash && install_engine'; then
    no_engine="no Docker engine answers, and its packages cannot be installed"
  elif ! run_engine || ! runs_containers; then
    no_engine="no Docker engine can be started here: $(sed -n '$s/^\(.\{,300\}\).*/\1/p' "$engine_log")"
    end_engine
  fi
  [[ -z $no_engine ]]
}

# Ends what start_engine started, with whatever a test that was broken off left in it.
end_engine() {
  local kind options
  [[ $engine ]] || return 0
  for kind in container network volume; do
    if [[ $kind == container ]]; then options=(--volumes); else options=(); fi
    leftovers "$kind" |
      timeout 60 xargs --no-run-if-empty docker "$kind" rm --force "${options[@]}" >/dev/null 2>&1 || true
  done
  kill "$engine" 2>/dev/null || true
  for _ in {1..60}; do
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.5
  done
  kill -KILL "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  engine=''
  umount /run/docker/netns/default 2>/dev/null || true
  [[ -z $engine_bridge ]] || ip link delete docker0 2>/dev/null || true
  [[ -z $engine_mounted ]] || { cgroupfs-umount && umount /sys/fs/cgroup; } 2>/dev/null || true
}

leftovers() {
  local listing=(docker "$1" ls --quiet --filter "name=^maoocr-test-")
  [[ $1 != container ]] || listing+=(--all)
  timeout 20 "${listing[@]}" 2>/dev/null
}

# In a shell of its own. What one release of Debian lacks comes from the next; nothing else is taken from there,
# and no package starts the engine by itself.
install_engine() {
  local release suite='' mirror lists=/etc/apt/sources.list.d
  [[ -w $lists ]] || return 1
  release=$(. /etc/os-release && printf '%s' "${ID:-} ${VERSION_CODENAME:-}")
  own=()
  trap 'rm -f "${own[@]}"' EXIT
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    own+=(/usr/sbin/policy-rc.d)
    install /dev/stdin /usr/sbin/policy-rc.d <<<$'#!/bin/sh\nexit 101'
  fi
  case $release in
    "debian bookworm")
      suite=/trixie
      mirror=$(sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb (\[[^]]*\] )?([^ ]+) .*/\2/p' \
        "$lists"/*.sources /etc/apt/sources.list 2>/dev/null | sed -n 1p)
      [[ $mirror ]] || return 1
      own+=("$lists/maoocr-later.sources" /etc/apt/preferences.d/maoocr-later)
      printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' >/etc/apt/preferences.d/maoocr-later
      printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' \
        "$mirror" /usr/share/keyrings/debian-archive-keyring.gpg >"$lists/maoocr-later.sources"
      ;;
    debian\ *) ;;
    *) return 1 ;;
  esac
  install_packages ca-certificates cgroupfs-mount containerd iptables runc \
    docker.io$suite docker-cli$suite docker-buildx$suite docker-compose$suite
}

run_engine() {
  local until
  if ! mountpoint -q /sys/fs/cgroup; then
    engine_mounted=yes
    cgroupfs-mount 2>/dev/null || true
  fi
  [[ -e /sys/class/net/docker0 ]] || engine_bridge=yes
  rm -f "$engine_pid"
  setsid dockerd --log-level=warn >"$engine_log" 2>&1 </dev/null &
  engine=$!
  until=$((SECONDS + 60))
  while ((SECONDS < until)); do
    answers && return
    kill -0 "$engine" 2>/dev/null || return 1
    sleep 0.5
  done
  echo "dockerd does not answer." >>"$engine_log"
  return 1
}

# Whether it can do what it is there for: some machines let it start, and nothing more. Without layers each
# image would be a copy of all below it.
runs_containers() {
  local image=maoocr-test-engine said program files
  if [[ $(docker info --format '{{.Driver}}') == vfs ]]; then
    echo "its file system takes no overlays." >>"$engine_log"
    return 1
  fi
  program=$(type -P true)
  mapfile -t files < <(ldd "$program" | grep -o '/[^ ]*')
  tar --create --dereference --absolute-names "$program" "${files[@]}" |
    timeout 60 docker import - "$image" >/dev/null 2>>"$engine_log" || return 1
  said=$(timeout 60 docker run --rm --name "$image" --publish 127.0.0.1::80 "$image" "$program" 2>&1)
  local ran=$?
  docker image rm --force "$image" >/dev/null
  [[ $ran -eq 0 ]] || printf '%s\n' "${said//$'\n'/ }" >>"$engine_log"
  return "$ran"
}
