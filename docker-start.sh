#!/usr/bin/env bash
# Starts the whole service in containers, or brings a running one up to date. See --help.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/say.bash
. scripts/docker.bash

usage() {
  cat <<'USAGE'
Usage: ./docker-start.sh [--no-build] [--scale N] [--cpu | --gpu] [--outbound] [--without SERVICE]...

Makes what is missing (.env, secrets/, images, the first API key), starts all services, waits until they
are well and prints their addresses. What runs already and has not changed stays as it is; gateways that
have changed are replaced one at a time, so that no request fails. ./docker-stop.sh ends it.

  --no-build         take the images as they are
  --scale N          so many gateways (GATEWAY_REPLICAS)
  --cpu, --gpu       without the GPU, or with it (PROCESSOR); else as the machine has it
  --outbound         let the gateway reach other machines (GATEWAY_OUTBOUND)
  --without SERVICE  leave out one that only watches: grafana, prometheus, node-exporter …

docs/docker.md tells more.
USAGE
}

build=yes without=' '
while [[ $# -gt 0 ]]; do
  case $1 in
    --no-build) build='' ;;
    --cpu | --gpu) export PROCESSOR=${1#--} ;;
    --outbound) export GATEWAY_OUTBOUND=true ;;
    --scale | --without)
      [[ $# -ge 2 && -n $2 ]] || die "$1 needs a value; ./docker-start.sh --help says more."
      if [[ $1 == --scale ]]; then
        [[ $2 =~ ^[1-9][0-9]?$ ]] || die "--scale $2: the number of gateways is from 1 to 99."
        export GATEWAY_REPLICAS=$2
      else
        [[ $OPTIONAL == *" $2 "* ]] || die "--without $2: only these can be left out:$OPTIONAL"
        without+="$2 "
      fi
      shift
      ;;
    --help | -h)
      usage
      exit
      ;;
    *) die "./docker-start.sh knows no $1; ./docker-start.sh --help says what it knows." ;;
  esac
  shift
done

need_docker
mkdir -p run logs || die "The folders run and logs cannot be made in $PWD."
exec 8>run/docker.lock
flock 8

# --- What only has to be made once.

make_env() {
  local address
  [[ ! -e .env ]] || return 0
  address=$(hostname -I 2>/dev/null | cut -d ' ' -f 1 || true)
  {
    cat .env.example
    printf '\n\n# --- Of this machine\n\nCERTIFICATE_ADDRESSES=%s\n' "$address"
  } >.env.new
  mv .env.new .env
  say "Made .env; what may be set is in it, with its defaults."
}

# $1 is the secret's file, $2 what comes into it if it is not there yet.
put_secret() {
  local file=$secrets/$1
  [[ ! -e $file ]] || return 0
  printf '%s' "$2" >"$file.new"
  chmod 0644 "$file.new"
  mv "$file.new" "$file"
}

make_secrets() {
  local name
  if [[ ! -d $secrets ]]; then
    mkdir -p "$secrets"
    say "Made passwords in $secrets; keep a copy of it, or of a backup by scripts/backup."
  fi
  # The folder is for its owner alone; the files can be read by all, for each container has its own user.
  chmod 0700 "$secrets"
  for name in postgres_password redis_password vllm_api_key webhook_secret grafana_admin_password \
    grafana_reader_password grafana_secret_key; do
    put_secret "$name" "$(random_word)"
  done
  for name in hf_token alert_webhook_url alert_mail_password; do
    put_secret "$name" ''
  done
  put_secret database_url "postgresql://maoocr:$(<"$secrets/postgres_password")@postgres:5432/maoocr"
  put_secret redis_url "redis://:$(<"$secrets/redis_password")@redis:6379/0"
  put_secret redis_exporter.json "{\"redis://redis:6379\":\"$(<"$secrets/redis_password")\"}"
}

(
  umask 077
  make_env
)
choose_files
(
  umask 077
  make_secrets
)
scale=$(setting GATEWAY_REPLICAS "$(containers gateway | grep -c . || true)")
if [[ $scale == 0 ]]; then scale=1; fi
export GATEWAY_REPLICAS=$scale

if [[ $PROCESSOR == cpu ]]; then
  if command -v nvidia-smi >/dev/null && ! has_nvidia; then
    say "There is a GPU, but Docker cannot use it: install nvidia-container-toolkit and start Docker anew."
  fi
  case ,$COMPOSE_PROFILES, in
    *,vlm,*) say "Without a GPU: PP-OCR and vLLM share the processor." ;;
    *) say "Without a GPU: PP-OCR reads on the processor, and vLLM is left out." ;;
  esac
fi

# --- Whether its ports are free.

need_port() {
  local name=$1 port=$2 address=$3
  [[ $address != 0.0.0.0 && $address != :: ]] || address=127.0.0.1
  if (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null; then
    die "Port $port is taken by another program: $name=N ./docker-start.sh takes another one, and a line in .env for good."
  fi
}

if ! runs nginx; then
  need_port HTTP_PORT "$(setting HTTP_PORT 80)" "$(setting PUBLIC_ADDRESS 0.0.0.0)"
  need_port HTTPS_PORT "$(setting HTTPS_PORT 443)" "$(setting PUBLIC_ADDRESS 0.0.0.0)"
  need_port OPERATOR_PORT "$(setting OPERATOR_PORT 9443)" "$(setting OPERATOR_ADDRESS 127.0.0.1)"
fi

# --- Its images.

log=logs/docker.log
: >>"$log"

fail_with_log() {
  say "The last lines of $log:" >&2
  tail -n 15 "$log" | sed 's/^/  /' >&2
  die "$1"
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

can_be_had() { has_image "$1" || docker pull --quiet "$1" >>"$log" 2>&1; }

# A version that was asked for by its name is never made anew from what stands here now.
build_image() {
  local service=$1 image=$2
  if [[ -z $build || ${image##*:} != latest ]] && can_be_had "$image"; then
    return
  fi
  [[ $build ]] ||
    die "The image $image of $service is not here and cannot be had; ./docker-start.sh without --no-build makes it."
  has_image "$image" || say "Building $image; the first time takes some minutes."
  compose build "$service" >>"$log" 2>&1 || fail_with_log "$image cannot be built."
  # For a way back: the state of the checkout is a name of it, too.
  if [[ ${image##*:} == latest && $MAOOCR_REVISION != unknown ]]; then
    docker tag "$image" "${image%:*}:$MAOOCR_REVISION"
  fi
}

MAOOCR_REVISION=$(setting MAOOCR_REVISION "$(git describe --always --dirty 2>/dev/null || echo unknown)")
export MAOOCR_REVISION
compose config --quiet >>"$log" 2>&1 || fail_with_log "Compose cannot read its files."
services=() left_out=()
while read -r service image; do
  # The second is there for the first alone.
  if [[ $service == grafana-reader && " ${left_out[*]-} $without" == *" grafana "* ]]; then
    without+="grafana-reader "
  fi
  if [[ $without == *" $service "* ]]; then
    continue
  fi
  case $service in
    gateway | vllm) build_image "$service" "$image" ;;
    models | certificate) ;;
    *)
      if ! can_be_had "$image"; then
        [[ $OPTIONAL == *" $service "* ]] || die "The image $image of $service is not here and cannot be had. $(tail -n 1 "$log")"
        left_out+=("$service")
        say "The image $image cannot be had: it goes on without $service."
        continue
      fi
      ;;
  esac
  services+=("$service")
done < <(service_images)
for service in $without ${left_out[@]+"${left_out[@]}"}; do
  if runs "$service"; then
    compose rm --stop --force --volumes "$service" >>"$log" 2>&1
  fi
done

# --- The first key: no gateway starts for all the world without one.

start() { compose up --detach --no-build --pull never "$@" >>"$log" 2>&1; }

fail_start() {
  local problems
  problems=$(not_well)
  ! grep -q '^bad ' <<<"$problems" || tell_problems "$problems"
  fail_with_log "$1"
}

key=''
make_first_key() {
  [[ $(setting MAOOCR_AUTH__ALLOW_OPEN false) != true ]] || return 0
  start --wait postgres || fail_start "Postgres did not start."
  # Prints nothing where there are keys. What stands in quotes is for the shell in the container.
  # shellcheck disable=SC2016
  key=$(compose run --rm --no-deps --no-TTY --quiet-pull gateway sh -euc \
    'if [ -z "$(maoocr keys list)" ]; then maoocr keys create docker-start.sh; fi' 2>>"$log") ||
    fail_with_log "The first API key could not be made."
  if [[ $key ]]; then
    say "Made the first API key, which is shown only now:" && say "  $key"
  fi
}

before=$(containers | sort)
# What a start that was broken off has made and never started would be in the way of this one.
conditions | while read -r _ id state _; do
  [[ $state != created && $state != dead ]] || docker rm --force --volumes "$id" >/dev/null
done
runs gateway || make_first_key

# --- All of it.

# Compose makes anew, all at once, whatever depends on something that it makes anew in the same call. So what
# the gateways and Nginx depend on comes by itself, then the gateways one at a time, then the rest.
if runs gateway && runs nginx; then
  start postgres redis certificate models || fail_start "The service could not be brought up to date."
  # Nginx would be taken away before it is seen that there is nothing with which it can start again.
  if [[ $(docker wait "$(containers --all certificate)") != 0 ]]; then
    tell_problems "$(not_well)"
    die "With this certificate Nginx cannot start: it and the gateways run on as before."
  fi
  scripts/rollout "$scale" || exit
fi
start "${services[@]}" || fail_start "The service did not start."
# What these read lies in the checkout, and they do not see by themselves that it has changed.
for service in nginx:nginx prometheus:prometheus alertmanager:prometheus blackbox-exporter:prometheus \
  grafana:docker/grafana; do
  folder=${service#*:} service=${service%:*}
  id=$(containers "$service")
  if [[ $id && $(find "$folder" -type f -newermt "$(docker inspect -f '{{.State.StartedAt}}' "$id")" | head -n 1) ]]; then
    say "$folder has changed: $service starts anew."
    compose restart "$service" >>"$log" 2>&1
  fi
done
wait_until_well || die "MaoOCR did not start; docker compose logs tells more."

# --- Where it is.

https_port=$(setting HTTPS_PORT 443)
name=$(setting PUBLIC_ADDRESS 0.0.0.0)
case $name in
  0.0.0.0 | 127.0.0.1 | ::) name=localhost ;;
esac
trust=''
if [[ $(setting CERTIFICATES) ]]; then
  name=$(setting SERVER_NAME "$name")
  name=${name%%[ ,]*}
else
  compose cp nginx:/certificates/tls.crt run/certificate.crt >>"$log" 2>&1
  trust=" --cacert run/certificate.crt"
fi
url=https://$name
[[ $https_port == 443 ]] || url+=:$https_port
operators=https://localhost:$(setting OPERATOR_PORT 9443)

if [[ $before == "$(containers | sort)" ]]; then
  say "MaoOCR runs already at $url"
else
  say "MaoOCR is ready at $url"
fi
say "Try:"
say "  curl$trust -H 'Authorization: Bearer ${key:-…}' -F image=@docs/samples/receipt.jpg $url/api/ocr/recognize"
if runs grafana; then
  say "Grafana, for the user admin with the password in $secrets/grafana_admin_password, from this machine only:"
  say "  $operators/grafana/"
fi
if conditions | grep -qE '^models .* exited - [1-9]'; then
  say "The models could not be fetched; docker compose logs models has the reason, and the next start tries again."
fi
if runs vllm; then
  say "vLLM loads its model, and answers when it is done: docker compose logs -f models vllm"
fi
