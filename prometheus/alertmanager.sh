#!/bin/sh
# Starts Alertmanager on alertmanager.yml and what the environment says of how to tell people:
#
#   ALERT_WEBHOOK_URL_FILE   file that holds the URL; empty or without a line in it: no webhook
#   ALERT_MAIL_TO            address, or several with commas between; empty: no mail
#   ALERT_MAIL_FROM          sender (maoocr@localhost)
#   ALERT_MAIL_SERVER        host:port of the server that takes the mail
#   ALERT_MAIL_TLS           whether it has to be spoken to encrypted (true)
#   ALERT_MAIL_USER          name to log in with; empty: without
#   ALERT_MAIL_PASSWORD_FILE file that holds its password
#
# Arguments are passed on to Alertmanager. With --print-config as the only one it says what it would
# start on instead.
set -eu

here=${ALERTMANAGER_FILES:-/etc/alertmanager}
config=${ALERTMANAGER_CONFIG:-/tmp/alertmanager.yml}

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# What stands in a file of receivers/, with NAME=VALUE put in for @NAME@.
filled() {
  text=$(cat "$here/receivers/$1")
  shift
  for pair in "$@"; do
    value=$(printf '%s' "${pair#*=}" | sed 's/[\\"]/\\&/g; s/[\\&|]/\\&/g')
    text=$(printf '%s\n' "$text" | sed "s|@${pair%%=*}@|$value|g")
  done
  printf '%s\n' "$text"
}

receivers() {
  url_file=${ALERT_WEBHOOK_URL_FILE:-}
  if [ -n "$url_file" ] && grep -q '[^[:space:]]' "$url_file" 2>/dev/null; then
    filled webhook.yml WEBHOOK_URL_FILE="$url_file"
  fi
  [ -n "${ALERT_MAIL_TO:-}" ] || return 0
  [ -n "${ALERT_MAIL_SERVER:-}" ] ||
    die "ALERT_MAIL_TO says who gets mail, but no ALERT_MAIL_SERVER which server sends it."
  filled mail.yml MAIL_TO="$ALERT_MAIL_TO" MAIL_FROM="${ALERT_MAIL_FROM:-maoocr@localhost}" \
    MAIL_SERVER="$ALERT_MAIL_SERVER" MAIL_TLS="${ALERT_MAIL_TLS:-true}"
  [ -n "${ALERT_MAIL_USER:-}" ] || return 0
  password_file=${ALERT_MAIL_PASSWORD_FILE:-}
  [ -n "$password_file" ] && [ -r "$password_file" ] ||
    die "ALERT_MAIL_USER needs its password: ALERT_MAIL_PASSWORD_FILE names a file that can be read."
  filled mail-login.yml MAIL_USER="$ALERT_MAIL_USER" MAIL_PASSWORD_FILE="$password_file"
}

told=$(receivers)
if [ "${1:-}" = --print-config ]; then
  cat "$here/alertmanager.yml"
  printf '%s\n' "$told"
  exit
fi
{
  cat "$here/alertmanager.yml"
  printf '%s\n' "$told"
} >"$config"
[ -n "$told" ] ||
  echo "Nobody is told of alerts: neither ALERT_WEBHOOK_URL_FILE nor ALERT_MAIL_TO is set." >&2
exec alertmanager --config.file="$config" "$@"
