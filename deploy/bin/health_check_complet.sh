#!/usr/bin/env bash
# Contrôle complet de SamaConso. Installé comme /usr/local/bin/health_check_complet.sh.
# Là où le programme est, il fait le travail (« samaconso doctor ») ; ailleurs ce script vérifie lui-même ce qui peut
# l'être avec bash, coreutils et curl, et avec psql, redis-cli et openssl s'ils sont installés.
#
#   bash /usr/local/bin/health_check_complet.sh [--json] [--lang fr|en] [--sans-programme]
#
# Code de sortie : 0 tout va bien, 1 à regarder, 2 en panne.
# Réglages : /etc/samaconso/health_check.conf (lignes NOM=valeur), ou l'environnement :
#   SERVER1 SERVER2 SERVER3    adresses des trois serveurs (une adresse vide : non vérifié d'ici)
#   API_PORTS="8001 8002"      ports des API      MONITOR_PORT=5555
#   CHECK="serveur:port ..."   autres ports à joindre      CERTIFICATES="hôte:port ..."   certificats à dater
#   REDIS_AUTHORITY=…          Redis est en TLS, et voici son autorité
#   DISKS="/ /var/log ..."     BACKUP_STATUS_FILE=…        SAMACONSO_IMAGE / SAMACONSO_HOME : où est le programme
set -uo pipefail

readonly CONF="${HEALTH_CHECK_CONF:-/etc/samaconso/health_check.conf}"
readonly CONNECT_SECONDS=2
readonly PROGRAM_SECONDS=9

json=no
lang=fr
own=no
forwarded=()
while [ $# -gt 0 ]; do
  case "$1" in
    --json) json=yes; forwarded+=("$1") ;;
    --lang) lang="${2:-fr}"; forwarded+=("$1" "$lang"); shift ;;
    --sans-programme) own=yes ;;
    *) echo "usage : health_check_complet.sh [--json] [--lang fr|en] [--sans-programme]" >&2; exit 64 ;;
  esac
  shift
done

# Réglages lus ligne à ligne : rien n'y est exécuté, et l'environnement l'emporte.
if [ -r "$CONF" ]; then
  while IFS='=' read -r name value; do
    [[ "$name" =~ ^[A-Z][A-Z0-9_]*$ ]] || continue
    value="${value%\"}"; value="${value#\"}"
    [ -n "${!name+x}" ] || printf -v "$name" '%s' "$value"
  done < "$CONF"
fi
SERVER1="${SERVER1:-}" SERVER2="${SERVER2:-}" SERVER3="${SERVER3:-}"
API_PORTS="${API_PORTS:-8001 8002}" MONITOR_PORT="${MONITOR_PORT:-5555}"
REDIS_AUTHORITY="${REDIS_AUTHORITY:-}"
CHECK="${CHECK:-}" CERTIFICATES="${CERTIFICATES:-}" BACKUP_STATUS_FILE="${BACKUP_STATUS_FILE:-}"
DISKS="${DISKS:-/ /var/log /var/lib/postgresql /var/lib/docker}"
SAMACONSO_HOME="${SAMACONSO_HOME:-/opt/samaconso}"

# Le programme, dans un conteneur qui tourne ou installé sur cette machine. Ce qui n'est pas un état (0, 1, 2) n'est pas
# une réponse : le script vérifie alors lui-même.
run_program() {
  local container running
  if command -v docker >/dev/null 2>&1; then
    running=" $(timeout 2 docker ps --format '{{.Names}}' 2>/dev/null | paste -sd' ') "
    for container in samaconso_api_1 samaconso_api_2 samaconso_worker_1 samaconso_worker_2 samaconso_scheduler_1; do
      [[ "$running" == *" $container "* ]] || continue
      timeout "$PROGRAM_SECONDS" docker exec "$container" node src/main.ts doctor "${forwarded[@]}"
      return
    done
  fi
  if command -v node >/dev/null 2>&1 && [ -f "$SAMACONSO_HOME/src/main.ts" ]; then
    (cd "$SAMACONSO_HOME" && timeout "$PROGRAM_SECONDS" node src/main.ts doctor "${forwarded[@]}")
    return
  fi
  return 127
}

if [ "$own" = no ]; then
  output="$(run_program 2>/dev/null)"
  code=$?
  if [ "$code" -le 2 ] && [[ "$output" == *[✓✗]* || "$output" == *'"state"'* ]]; then
    printf '%s\n' "$output"
    exit "$code"
  fi
fi

results="$(mktemp -d)" || exit 2
trap 'rm -rf "$results"' EXIT

# Un constat : ordre, composant, état, ce qui est vu (fr, en), le remède (fr, en). Un fichier chacun : tout se fait de front.
tell() {
  local order="$1" component="$2" state="$3" seen="$4" remedy="$6"
  if [ "$lang" = en ]; then seen="$5"; remedy="$7"; fi
  printf '%s\t%s\t%s\t%s\n' "$component" "$state" "$seen" "$remedy" > "$results/$order.$RANDOM$RANDOM"
}

# $0 et $1 sont ceux du bash qui est lancé.
# shellcheck disable=SC2016
port_open() { timeout "$CONNECT_SECONDS" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; }

check_port() {
  local order="$1" name="$2" host="$3" port="$4" remedy_fr="$5" remedy_en="$6"
  if port_open "$host" "$port"; then
    tell "$order" "$name" ok "port $port ouvert" "port $port open" "" ""
  else
    tell "$order" "$name" fault "port $port fermé ou filtré sur $host" "port $port closed or filtered on $host" "$remedy_fr" "$remedy_en"
  fi
}

check_api() {
  local order="$1" number="$2" port="$3" body down=''
  local fr="Sur le serveur 2 : docker logs -f --tail 100 samaconso_api_$number, puis docker restart samaconso_api_$number"
  local en="On server 2: docker logs -f --tail 100 samaconso_api_$number, then docker restart samaconso_api_$number"
  body="$(curl -s -m 4 "http://$SERVER2:$port/health" 2>/dev/null)"
  case "$body" in
    *'"status":"running"'*'"down"'*)
      while [[ "$body" =~ \"([a-z]+)\":\"down\" ]]; do
        down+="${BASH_REMATCH[1]} "
        body="${body/"${BASH_REMATCH[0]}"/}"
      done
      tell "$order" "api $number" warning "tourne, sans : $down" "runs, without: $down" "Voyez ces composants." "See these components." ;;
    *'"status":"running"'*) tell "$order" "api $number" ok "tourne" "runs" "" "" ;;
    *'"status":'*) tell "$order" "api $number" fault "ne sert pas" "does not serve" "$fr" "$en" ;;
    *) tell "$order" "api $number" fault "ne répond pas sur $port" "does not answer on $port" "$fr" "$en" ;;
  esac
}

check_monitor() {
  local code
  code="$(curl -s -m 4 -o /dev/null -w '%{http_code}' "http://$SERVER3:$MONITOR_PORT/healthcheck" 2>/dev/null)"
  if [ "$code" = 200 ] || [ "$code" = 401 ]; then tell 60 monitor ok "répond" "answers" "" ""
  else tell 60 monitor fault "ne répond pas" "does not answer" "Sur le serveur 3 : docker restart samaconso_monitor" "On server 3: docker restart samaconso_monitor"; fi
}

check_redis() {
  local answer
  check_port 50 redis "$SERVER3" 6379 "Sur le serveur 3 : docker restart samaconso_redis" "On server 3: docker restart samaconso_redis"
  command -v redis-cli >/dev/null 2>&1 || return 0
  local tls=()
  if [ -n "$REDIS_AUTHORITY" ]; then tls=(--tls --cacert "$REDIS_AUTHORITY"); fi
  answer="$(timeout 4 redis-cli -h "$SERVER3" "${tls[@]}" ping 2>/dev/null)"
  if [ "$answer" != PONG ]; then
    tell 50 redis fault "ne répond pas PONG" "does not answer PONG" "Sur le serveur 3 : docker logs --tail 100 samaconso_redis" "On server 3: docker logs --tail 100 samaconso_redis"
  fi
}

check_database() {
  check_port 30 postgresql "$SERVER1" 6432 "Sur le serveur 1 : systemctl status pgbouncer postgresql" "On server 1: systemctl status pgbouncer postgresql"
  # Le mot de passe vient de ~/.pgpass ou de PGPASSFILE ; sans lui, le port suffit.
  if command -v psql >/dev/null 2>&1 && [ -r "${PGPASSFILE:-$HOME/.pgpass}" ]; then
    if ! PGCONNECT_TIMEOUT=3 timeout 5 psql -w -h "$SERVER1" -p 6432 -U samaconso_user -d samaconso -Atc 'select 1' >/dev/null 2>&1; then
      tell 30 postgresql fault "n'exécute pas « SELECT 1 »" "does not run SELECT 1" "Journaux du serveur 1 : /var/log/postgresql" "Logs on server 1: /var/log/postgresql"
    fi
  fi
}

check_certificate() {
  local place="$1" end days
  end="$(timeout 5 openssl s_client -connect "$place" -servername "${place%:*}" </dev/null 2>/dev/null | openssl x509 -noout -enddate 2>/dev/null | cut -d= -f2)"
  if [ -z "$end" ]; then
    tell 80 certificate fault "$place : pas de certificat" "$place: no certificate" "Le service TLS tourne-t-il ?" "Does the TLS service run?"
    return
  fi
  days=$((($(date -d "$end" +%s) - $(date +%s)) / 86400))
  local state=ok
  [ "$days" -lt 30 ] && state=warning
  [ "$days" -lt 7 ] && state=fault
  tell 80 certificate "$state" "$place : encore $days jours" "$place: $days more days" "Renouvelez-le, puis rechargez le service." "Renew it, then reload the service."
}

check_disk() {
  local disk used inodes state=ok
  for disk in $DISKS; do
    [ -d "$disk" ] || continue
    used="$(df --output=pcent "$disk" 2>/dev/null | tail -n 1 | tr -dc 0-9)"
    inodes="$(df --output=ipcent "$disk" 2>/dev/null | tail -n 1 | tr -dc 0-9)"
    [ "${inodes:-0}" -gt "${used:-0}" ] && used="$inodes"
    state=ok
    [ "${used:-0}" -ge 80 ] && state=warning
    [ "${used:-0}" -ge 90 ] && state=fault
    tell 10 disk "$state" "$disk : $used % pris" "$disk: $used % used" "Faites de la place : du -xh --max-depth=2 $disk | sort -h | tail" "Make room: du -xh --max-depth=2 $disk | sort -h | tail"
  done
}

check_machine() {
  local available='' total=1 key value
  if [ "$(date +%z)" = +0000 ]; then tell 11 machine ok "heure de Dakar (UTC)" "time of Dakar (UTC)" "" ""
  else tell 11 machine warning "pas à l'heure de Dakar" "not on the time of Dakar" "timedatectl set-timezone Africa/Dakar" "timedatectl set-timezone Africa/Dakar"; fi
  if [ -d /run/systemd/timesync ] && [ ! -e /run/systemd/timesync/synchronized ]; then
    tell 11 machine warning "horloge non synchronisée" "clock not synchronised" "timedatectl set-ntp true" "timedatectl set-ntp true"
  fi
while read -r key value _; do
    case "$key" in MemTotal:) total="$value" ;; MemAvailable:) available=$((100 * value / total)) ;; esac
  done < /proc/meminfo
  if [ -n "$available" ] && [ "$available" -lt 10 ]; then
    tell 11 machine warning "mémoire libre : $available %" "memory left: $available %" "ps aux --sort=-rss | head" "ps aux --sort=-rss | head"
  fi
}

check_backup() {
  local text='' finished='' hours
  [ -r "$BACKUP_STATUS_FILE" ] && text="$(<"$BACKUP_STATUS_FILE")"
  [[ "$text" =~ \"finishedAt\"\ *:\ *\"([^\"]+)\" ]] && finished="${BASH_REMATCH[1]}"
  if [ -z "$finished" ] || ! [[ "$text" =~ \"ok\"\ *:\ *true ]]; then
    tell 70 backup fault "échec, ou aucun état dans $BACKUP_STATUS_FILE" "failed, or no status in $BACKUP_STATUS_FILE" "Relancez la sauvegarde à la main et lisez son journal." "Run the backup by hand and read its log."
    return
  fi
  hours=$((($(date +%s) - $(date -d "$finished" +%s)) / 3600))
  local state=ok
  [ "$hours" -ge 26 ] && state=warning
  [ "$hours" -ge 50 ] && state=fault
  tell 70 backup "$state" "sauvegarde d'il y a $hours h" "backup of $hours h ago" "Relancez la sauvegarde à la main." "Run the backup by hand."
}

check_disk &
check_machine &
if [ -n "$SERVER1" ]; then
  check_database &
  check_port 31 storage "$SERVER1" 9000 "Sur le serveur 1 : systemctl status minio" "On server 1: systemctl status minio" &
fi
if [ -n "$SERVER2" ]; then
  number=0
  for port in $API_PORTS; do number=$((number + 1)); check_api "4$number" "$number" "$port" & done
  check_port 45 rabbitmq "$SERVER2" 5672 "Sur le serveur 2 : docker restart samaconso_rabbitmq" "On server 2: docker restart samaconso_rabbitmq" &
fi
if [ -n "$SERVER3" ]; then check_redis & check_monitor & fi
for place in $CHECK; do
  check_port 65 "$place" "${place%:*}" "${place##*:}" "Service démarré ? Pare-feu ouvert ?" "Service started? Firewall open?" &
done
if command -v openssl >/dev/null 2>&1; then for place in $CERTIFICATES; do check_certificate "$place" & done; fi
if [ -n "$BACKUP_STATUS_FILE" ]; then check_backup & fi
wait
if [ -z "$SERVER1$SERVER2$SERVER3" ]; then
  tell 90 "serveurs" skipped "SERVER1, SERVER2, SERVER3 sont vides : seule cette machine est vérifiée" "SERVER1, SERVER2, SERVER3 are empty: only this machine is checked" "" ""
fi

escape() { local text="${1//\\/\\\\}"; printf '%s' "${text//\"/\\\"}"; }
faults=0 warnings=0 first=yes
[ "$json" = yes ] && printf '{"checks":['
for file in "$results"/*; do
  IFS=$'\t' read -r component state seen remedy < "$file"
  case "$state" in fault) mark='✗'; faults=$((faults + 1)) ;; warning) mark='!'; warnings=$((warnings + 1)) ;; ok) mark='✓' ;; *) mark='–' ;; esac
  if [ "$json" = yes ]; then
    [ "$first" = yes ] || printf ','
    first=no
    printf '{"component":"%s","state":"%s","what":"%s","remedy":"%s"}' "$component" "$state" "$(escape "$seen")" "$(escape "$remedy")"
  else
    printf '%s %-12s %s\n' "$mark" "$component" "$seen"
    if [ "$state" != ok ] && [ -n "$remedy" ]; then printf '  %-12s → %s\n' "" "$remedy"; fi
  fi
done
code=0 overall=ok
if [ "$faults" -gt 0 ]; then code=2 overall=fault; elif [ "$warnings" -gt 0 ]; then code=1 overall=warning; fi
if [ "$json" = yes ]; then printf '],"state":"%s"}\n' "$overall"
elif [ "$lang" = en ]; then printf '\n%d fault(s), %d warning(s)\n' "$faults" "$warnings"
else printf '\n%d panne(s), %d avertissement(s)\n' "$faults" "$warnings"; fi
exit "$code"
