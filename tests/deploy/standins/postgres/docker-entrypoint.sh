#!/usr/bin/env bash
# As the official one: makes the database at the first start, from POSTGRES_* or POSTGRES_*_FILE.
set -Eeuo pipefail

# Takes a variable from the file that its name with _FILE gives, or its default.
value_of() {
  local name=$1 default=${2:-} file=${1}_FILE
  if [[ ${!name:-} && ${!file:-} ]]; then
    echo "error: both $name and $file are set (but are exclusive)" >&2
    exit 1
  fi
  if [[ ${!file:-} ]]; then
    export "$name=$(<"${!file}")"
  else
    export "$name=${!name:-$default}"
  fi
  unset "$file"
}

initialize() {
  if [[ -z $POSTGRES_PASSWORD && ${POSTGRES_HOST_AUTH_METHOD:-} != trust ]]; then
    echo "Error: Database is uninitialized and superuser password is not specified." >&2
    exit 1
  fi
  # The arguments are words.
  # shellcheck disable=SC2086
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
    $POSTGRES_INITDB_ARGS -D "$PGDATA"
  printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
  # Nobody from outside is to see the server that only makes the database.
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  local run=(psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --username "$POSTGRES_USER") file
  export PGPASSWORD=$POSTGRES_PASSWORD
  if [[ $POSTGRES_DB != postgres ]]; then
    "${run[@]}" --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    # shellcheck disable=SC1090  # whatever lies there
    case $file in
      *.sh) if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
      *.sql) "${run[@]}" --dbname "$POSTGRES_DB" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | "${run[@]}" --dbname "$POSTGRES_DB" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
}

if [[ ${1:0:1} == - ]]; then
  set -- postgres "$@"
fi
if [[ $1 == postgres ]]; then
  if [[ $(id -u) == 0 ]]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres {} +
    exec /usr/bin/setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
  fi
  value_of POSTGRES_PASSWORD
  value_of POSTGRES_USER postgres
  value_of POSTGRES_DB "$POSTGRES_USER"
  value_of POSTGRES_INITDB_ARGS
  if [[ ! -s $PGDATA/PG_VERSION ]]; then
    initialize
  fi
fi
exec "$@"
