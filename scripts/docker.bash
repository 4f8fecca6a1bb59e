# Sourced by docker-start.sh, docker-stop.sh and the scripts for a deployment with Docker: which project,
# which files, which of its containers are well. Needs say.bash, and the top of the checkout as folder.
# shellcheck shell=bash
# Some of what stands here only they use.
# shellcheck disable=SC2034

readonly ENGINE_AT_LEAST=25 COMPOSE_AT_LEAST=2.24.4
readonly ONCE=" models certificate grafana-reader "
# What only watches: the service works without.
readonly OPTIONAL=" prometheus alertmanager grafana grafana-reader redis-exporter postgres-exporter nginx-exporter blackbox-exporter node-exporter dcgm-exporter "

# The value that Compose has for a variable: of the environment, of .env, or the default.
setting() {
  local name=$1 value=${!1:-}
  if [[ -z $value && -f .env ]]; then
    value=$(sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$name=//p" .env | tail -n 1 | tr -d '\r' |
      sed -E "s/^\"([^\"]*)\".*/\1/; t; s/^'([^']*)'.*/\1/; t; s/[[:space:]]+#.*//; s/[[:space:]]+\$//")
  fi
  printf '%s\n' "${value:-${2:-}}"
}

need_docker() {
  local told version least=$COMPOSE_AT_LEAST
  command -v docker >/dev/null ||
    die "Docker is not installed: https://docs.docker.com/engine/install/ tells how."
  if ! told=$(docker version 2>&1 >/dev/null); then
    die "The Docker engine does not answer; does it run, and are you in the group docker? ${told##*$'\n'}"
  fi
  version=$(docker version -f '{{.Server.Version}}')
  [[ ${version%%.*} -ge $ENGINE_AT_LEAST ]] ||
    die "The Docker engine is $version, and $ENGINE_AT_LEAST or newer is needed."
  version=$(docker compose version --short 2>/dev/null) ||
    die "Docker Compose is missing: https://docs.docker.com/compose/install/ tells how to get the plugin."
  version=${version#v}
  [[ $(printf '%s\n' "$least" "${version%%[-+]*}" | sort -V | head -n 1) == "$least" ]] ||
    die "Docker Compose is $version, and $least or newer is needed."
}

has_nvidia() { docker info -f '{{json .Runtimes}}' 2>/dev/null | grep -q '"nvidia"'; }

compose() { docker compose "$@"; }

# Sets what all calls of Compose go by, the scripts' own calls of each other too.
choose_files() {
  local files=docker-compose.yml profiles grace_s
  project=$(setting COMPOSE_PROJECT_NAME maoocr)
  secrets=$(setting MAOOCR_SECRETS_DIR ./secrets)
  if [[ ${MAOOCR_FILES_CHOSEN:-} ]]; then
    return
  fi
  profiles=$(setting COMPOSE_PROFILES)
  PROCESSOR=$(setting PROCESSOR)
  if [[ -z $PROCESSOR ]]; then
    if has_nvidia; then PROCESSOR=gpu; else PROCESSOR=cpu; fi
  fi
  case $PROCESSOR in
    gpu) profiles=${profiles:+$profiles,}gpu ;;
    cpu) files+=:docker-compose.cpu.yml ;;
    *) die "PROCESSOR is $PROCESSOR; it may be gpu or cpu, and empty takes what there is." ;;
  esac
  if [[ $(setting GATEWAY_OUTBOUND) == true || $(setting MAOOCR_OUTBOUND__IMAGE_URL) == true ]]; then
    files+=:docker-compose.outbound.yml
  fi
  if [[ -f docker-compose.override.yml ]]; then
    files+=:docker-compose.override.yml
  fi
  COMPOSE_FILE=$(setting COMPOSE_FILE "$files")
  grace_s=$(setting MAOOCR_SERVER__GRACE_S 30)
  # gunicorn has 15 s beyond the grace time to end its workers, and lanes some to end.
  GATEWAY_STOP_GRACE=$(setting GATEWAY_STOP_GRACE "$((${grace_s%.*} + 30))s")
  export COMPOSE_PROJECT_NAME=$project COMPOSE_PATH_SEPARATOR=: COMPOSE_FILE GATEWAY_STOP_GRACE
  export COMPOSE_PROFILES=$profiles COMPOSE_IGNORE_ORPHANS=true PROCESSOR MAOOCR_FILES_CHOSEN=yes
  case ,$profiles, in
    *,gpu,* | *,vlm,*)
      MAOOCR_VLM__URL=$(setting MAOOCR_VLM__URL http://vllm:8000)
      MODELS=$(setting MODELS "$(setting VLLM_MODEL paddleocr-vl-1.6)")
      export MAOOCR_VLM__URL MODELS
      ;;
  esac
}

# The containers of a service, or of all, one id a line; those that stand still with --all.
containers() {
  local all=()
  if [[ ${1:-} == --all ]]; then
    all=(--all)
    shift
  fi
  docker ps --quiet --no-trunc "${all[@]}" --filter "label=com.docker.compose.project=$project" \
    --filter label=com.docker.compose.oneoff=False ${1:+--filter "label=com.docker.compose.service=$1"}
}

runs() { [[ $(containers "$1") ]]; }

# SERVICE ID STATE HEALTH EXIT-STATUS RESTARTS of each container.
conditions() {
  local ids
  ids=$(containers --all) && [[ $ids ]] || return 0
  # One of them may end meanwhile.
  # shellcheck disable=SC2086
  docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.Status}}'\
' {{with index .State "Health"}}{{.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{.RestartCount}}' $ids 2>/dev/null || true
}

# Prints `wait SERVICE WHY`, `bad SERVICE WHY` for each container that is not well.
not_well() {
  local service id state health status restarts
  while read -r service id state health status restarts; do
    # Until the models are there, the others read.
    if [[ $service == models || $service == vllm && $state == running ]]; then
      continue
    fi
    if [[ $ONCE == *" $service "* ]]; then
      case $state:$status in
        exited:0) ;;
        exited:*) echo "bad $service ended with status $status" ;;
        *) echo "wait $service has not ended yet" ;;
      esac
      continue
    fi
    case $state:$health in
      running:healthy | running:-) [[ $service != gateway ]] || is_ready "$id" || echo "wait gateway is not ready" ;;
      # It may become so again.
      running:unhealthy) echo "wait $service is not healthy" ;;
      running:* | created:*) echo "wait $service is still starting" ;;
      *) if [[ $restarts -ge 3 ]]; then echo "bad $service ends again and again"; else echo "wait $service is $state"; fi ;;
    esac
  done < <(conditions)
}

# SERVICE IMAGE of each service that the profiles have.
service_images() {
  compose config | awk '
    /^[a-z]/ { inside = /^services:/ }
    inside && /^  [^ ]/ { service = substr($1, 1, length($1) - 1) }
    inside && /^    image: / { print service, $2 }'
}

# Whether a gateway takes documents: its lanes are there.
is_ready() {
  docker exec "$1" python -I -S -c \
    'import http.client as h; c = h.HTTPConnection("127.0.0.1", 8000, timeout=4); c.request("GET", "/readyz"); raise SystemExit(c.getresponse().status != 200)' \
    >/dev/null 2>&1
}

# Waits until all containers are well; else says which are not, with the end of their logs, and fails.
wait_until_well() {
  local until=$((SECONDS + $(setting START_SECONDS 180))) problems
  while problems=$(not_well) && [[ $problems ]]; do
    if grep -q '^bad ' <<<"$problems" || [[ $SECONDS -ge $until ]]; then
      tell_problems "$problems"
      return 1
    fi
    sleep 0.3
  done
}

# Says which services are not well, and what they wrote last. Those that still start are none, where one ended.
tell_problems() {
  local kind=wait service id
  if grep -q '^bad ' <<<"$1"; then kind=bad; fi
  sed -nE "s/^$kind ([a-z-]+) (.*)/The service \1 \2./p" <<<"$1" | sort -u >&2
  sed -n "s/^$kind \([a-z-]*\) .*/\1/p" <<<"$1" | sort -u | while read -r service; do
    id=$(containers --all "$service" | head -n 1)
    say "The last lines of $service:" >&2
    docker logs --tail 10 "$id" 2>&1 </dev/null | sed 's/^/  /' >&2
  done
}

# A word that nobody guesses, of letters and digits, so that it can stand in an address.
random_word() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "${1:-40}" || true; }
