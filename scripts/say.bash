# Sourced by the scripts beside it: how they speak, and who they may ask for system packages.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Prints the words with which apt-get may be called, or fails when it may not.
apt_get() {
  command -v apt-get >/dev/null || return 1
  if [[ $EUID -eq 0 ]]; then
    echo apt-get
  elif sudo -n true 2>/dev/null; then
    echo sudo -n apt-get
  else
    return 1
  fi
}

# Installs Debian packages; fails when that is not allowed or does not work.
install_packages() {
  local apt
  read -ra apt < <(apt_get) || return 1
  say "Installing Debian's $*." >&2
  mkdir -p logs
  export DEBIAN_FRONTEND=noninteractive
  {
    "${apt[@]}" update || true
    "${apt[@]}" install -y --no-install-recommends "$@"
  } >>logs/packages.log 2>&1
}

# Fails with a sentence unless the file system of this folder has room for so many MiB.
need_disk() {
  local needed_mib=$1 what=$2 free_mib
  free_mib=$(df -Pm . | awk 'NR == 2 { print $4 }')
  [[ $free_mib -ge $needed_mib ]] ||
    die "There is no room on the disk: $what needs $needed_mib MiB, $PWD has $free_mib MiB left."
}
