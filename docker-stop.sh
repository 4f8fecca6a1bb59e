#!/usr/bin/env bash
# Stops what ./docker-start.sh started. See --help.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/say.bash
. scripts/docker.bash

usage() {
  cat <<'USAGE'
Usage: ./docker-stop.sh [--volumes [--yes]]

Stops the service in order: Nginx takes no more requests, what is in flight is finished, then all ends.
The database, the models and everything else that is kept stays; ./docker-start.sh goes on with it.

  --volumes  delete that too, for good; asks first
  --yes      do not ask
USAGE
}

volumes='' yes=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --volumes) volumes=yes ;;
    --yes) yes=yes ;;
    --help | -h)
      usage
      exit
      ;;
    *) die "./docker-stop.sh knows no $1; ./docker-stop.sh --help says what it knows." ;;
  esac
  shift
done

need_docker
# All that may run, whatever it was started with.
COMPOSE_PROFILES=gpu,vlm
choose_files
mkdir -p run logs
exec 8>run/docker.lock
flock 8

if [[ $volumes && -z $yes ]]; then
  say "This deletes for good what $project keeps: the database with all answers, jobs and API keys, uploads," \
    "models, certificates that it made, measurements and dashboards. scripts/backup makes a copy first."
  read -rp "Type $project to delete it: " typed || true
  [[ ${typed:-} == "$project" ]] || die "Nothing was deleted, and all runs as before."
fi

runs=$(containers)
# Nginx and the gateways finish what is in flight, before anybody goes whom they need.
compose stop nginx >>logs/docker.log 2>&1 || true
compose stop gateway >>logs/docker.log 2>&1 || true
# With the volumes that have no name: each container had its own.
compose rm --stop --force --volumes >>logs/docker.log 2>&1
compose down --remove-orphans ${volumes:+--volumes} >>logs/docker.log 2>&1 ||
  die "Docker could not take all of $project away; logs/docker.log has the reason."
if [[ $volumes ]]; then
  say "MaoOCR is stopped, and what it kept is deleted. The passwords in $secrets stay."
elif [[ $runs ]]; then
  say "MaoOCR is stopped; ./docker-start.sh goes on with what it keeps."
else
  say "MaoOCR did not run."
fi
