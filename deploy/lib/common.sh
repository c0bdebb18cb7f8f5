# shellcheck shell=bash
# What rollout, rollback and maintenance share: the inventory, how a server is reached, how a step is told and logged.
#
#   SAMACONSO_REMOTE   a program that is given NAME ADDRESS COMMAND… and runs it there as root; ssh with sudo when not set
#   SAMACONSO_SSH_USER who signs in; yourself when not set
#   F5_COMMAND         how tmsh is reached (`ssh admin@f5`), where the balancer is an F5; else the API's own draining does it
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
inventory=${INVENTORY:-$deploy/ansible/inventory/example}
log_folder=${SAMACONSO_LOG:-$HOME/.samaconso}
dry_run=''
operation=${operation:-$(basename "$0")}

mkdir -p "$log_folder"
log_file=$log_folder/$operation-$(date +%Y%m%dT%H%M%S).log

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" | tee -a "$log_file"; }
fail() { say "FAILED: $*"; say "The log is $log_file"; exit 1; }

read_inventory() {
  [ -f "$inventory/hosts.yml" ] || fail "no inventory in $inventory: say INVENTORY=folder"
  hosts=$("$deploy/lib/inventory" "$inventory") || fail "$inventory/hosts.yml cannot be read"
  balancer_kind=$(awk '$1 == "balancer" { print $2 }' <<<"$hosts")
}
hosts_of() { awk -v group="$1" '$1 == "host" && $2 == group { print $3 }' <<<"$hosts"; }
address_of() { awk -v name="$1" '$1 == "host" && $3 == name { print $4; exit }' <<<"$hosts"; }

# remote NAME COMMAND…: runs it there, also in a rehearsal: for questions alone.
remote() {
  local name=$1 address; shift
  address=$(address_of "$name")
  if [ -n "${SAMACONSO_REMOTE:-}" ]; then
    "$SAMACONSO_REMOTE" "$name" "$address" "$@"
  else
    ssh -o BatchMode=yes -o ConnectTimeout=10 "${SAMACONSO_SSH_USER:-$(id -un)}@$address" "sudo -- $(printf '%q ' "$@")"
  fi
}
# on NAME COMMAND…: a step that changes something. A rehearsal only tells it.
on() {
  local name=$1; shift
  if [ -n "$dry_run" ]; then say "[would] $name: $*"; return 0; fi
  say "$name: $*"
  remote "$name" "$@" < /dev/stdin 2>&1 | tee -a "$log_file"
  return "${PIPESTATUS[0]}"
}

# Processes of the product: `HOST NAME VERSION`, one a line.
processes() {
  local host
  for host in $(printf '%s\n' "$(hosts_of api)" "$(hosts_of workers)" | awk 'NF && !seen[$0]++'); do
    remote "$host" samaconso-instance list </dev/null | sed "s/^/$host /" || return 1
  done
}

# pool drain|ready HOST NAME: tells the balancers.
pool() {
  local verb=$1 host=$2 name=$3 balancer port session
  if [ "$balancer_kind" = f5 ]; then
    port=$((8000 + ${name##*_}))
    session=user-disabled; [ "$verb" = drain ] || session=user-enabled
    if [ -z "${F5_COMMAND:-}" ]; then
      say "F5: nothing to type; $name says itself that it leaves, and the monitor sees it"
    elif [ -n "$dry_run" ]; then
      say "[would] F5: pool member $(address_of "$host"):$port $session"
    else
      say "F5: pool member $(address_of "$host"):$port $session"
      $F5_COMMAND "tmsh modify ltm pool samaconso_api members modify { $(address_of "$host"):$port { session $session } }" </dev/null
    fi
    return
  fi
  for balancer in $(hosts_of balancer); do
    on "$balancer" samaconso-pool "$verb" "$name" </dev/null || return 1
  done
}
# Until every balancer sends customers to it again; of an F5, its monitor tells nobody but itself.
until_up() {
  local name=$1 balancer _
  [ "$balancer_kind" != f5 ] && [ -z "$dry_run" ] || return 0
  for balancer in $(hosts_of balancer); do
    for _ in $(seq 1 "${POOL_SECONDS:-40}"); do
      [[ $(remote "$balancer" samaconso-pool state "$name" </dev/null || true) == UP* ]] && continue 2
      sleep 1
    done
    say "$balancer does not see $name come back"; return 1
  done
}

# replace HOST NAME VERSION: one process, drained, replaced, checked, put back.
replace() {
  local host=$1 name=$2 version=$3
  case $name in
    samaconso_api_*)
      pool drain "$host" "$name" &&
        on "$host" samaconso-instance replace "$name" "$version" </dev/null &&
        on "$host" samaconso-instance check "$name" "$version" </dev/null &&
        pool ready "$host" "$name" && until_up "$name"
      ;;
    *)
      on "$host" samaconso-instance replace "$name" "$version" </dev/null && on "$host" samaconso-instance check "$name" "$version" </dev/null
      ;;
  esac
}
# Whoever does work before whoever gives it, so that no new task meets an old worker; the monitor last.
in_order() { awk '{ key = $2 ~ /_worker_/ ? 1 : $2 ~ /_scheduler_/ ? 2 : $2 ~ /_api_/ ? 3 : 4; print key, $0 }' | sort -s -k1,1n -k3,3 | cut -d ' ' -f 2-; }

# One operation at a time from this machine; the servers' own lock is server 1's.
take_turn() {
  exec 8>"$log_folder/lock"
  flock -n 8 || fail "another rollout, rollback or maintenance is under way here"
}
