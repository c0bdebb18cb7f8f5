#!/bin/bash
# PostgreSQL, PgBouncer and pgBackRest on the files of server 1, in a network of their own with its address. What an operator types,
# letter by letter; then backup, DROP TABLE by accident, and the second before. Argument: the folder of server 1.
set -euo pipefail
R=$1; here=$(cd "$(dirname "$0")/../../deploy/bin" && pwd)
bin=$(sed -n 's/^PG_BIN=//p' "$R/etc/samaconso/backup.conf")
version=$(basename "$(dirname "$bin")")
data=$R/var/lib/postgresql/$version/main
ip link set lo up
ip addr add 192.0.2.11/32 dev lo
mkdir -p "$R"/var/{run,log}/postgresql "$R/var/log/pgbackrest" "$R/tmp/pgbackrest" "$data" "$R"/var/backups/samaconso/{pgbackrest,dumps}
chown -R postgres "$R/var" "$R/tmp" "$R"/etc/{pgbackrest,postgresql,pgbouncer} "$R"/etc/samaconso/tls/p*.key "$R/etc/samaconso/postgresql"
chmod 700 "$data"
as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
# How PostgreSQL is stopped and started here, without systemd.
sed -i "s|^PG_STOP=.*|PG_STOP='$R/stop'|; s|^PG_START=.*|PG_START='$R/start'|" "$R/etc/samaconso/backup.conf"
printf '#!/bin/bash\nexec setpriv --reuid=postgres --regid=postgres --init-groups %s/pg_ctl -D %s -m fast -w stop\n' "$bin" "$data" >"$R/stop"
printf '#!/bin/bash\nexec setpriv --reuid=postgres --regid=postgres --init-groups %s/pg_ctl -D %s -l %s/start.log -w start >/dev/null\n' "$bin" "$data" "$R/var/log/postgresql" >"$R/start"
chmod +x "$R/stop" "$R/start"
trap '"$R/stop" >/dev/null 2>&1 || true; kill $(jobs -p) 2>/dev/null || true; wait' EXIT

as "$bin/initdb" -D "$data" -A peer --no-sync >/dev/null
echo "include_dir '$R/etc/postgresql/$version/main/conf.d'" >>"$data/postgresql.conf"
"$R/start"
sql() { as psql -XqAt -v ON_ERROR_STOP=1 -h "$R/var/run/postgresql" "$@"; }
for turn in first second; do echo "roles, $turn run: $(sql -f "$R/etc/samaconso/postgresql/roles.sql" 2>&1 | grep -c 'samaconso changed' || true) changed"; done
pgbouncer -u postgres "$R/etc/pgbouncer/pgbouncer.ini" 2>/dev/null &
until (exec 3<>/dev/tcp/192.0.2.11/6432) 2>/dev/null; do sleep 0.1; done

export PGSSLMODE=verify-full PGSSLROOTCERT=$R/etc/samaconso/tls/authority.pem
password() { sed -n "s/^\"$1\" \"\(.*\)\"/\1/p" "$R/etc/pgbouncer/userlist.txt"; }
app() { PGPASSWORD=$(password samaconso_app) psql -XqAt -h 192.0.2.11 -p 6432 -U samaconso_app -d samaconso -c "$1"; }
PGPASSWORD=$(password samaconso_user); export PGPASSWORD
echo "select: $(psql -XAt -h 192.0.2.11 -p 6432 -U samaconso_user -d samaconso -c "SELECT 1;")"
app 'create table kept as select generate_series(1, 1000) as n'
echo "dump: $(pg_dump -h 192.0.2.11 -p 6432 -U samaconso_user -F c samaconso | pg_restore --list | grep -c 'TABLE DATA public kept') table"
psql -X -h 192.0.2.11 -p 6432 -U samaconso_user -d samaconso -c 'drop table kept' 2>&1 | sed 's/^/operators write: /' || true
psql -XqAt -h 192.0.2.11 -p 6432 -U samaconso_user -d samaconso \
  -c "select count(pg_terminate_backend(pid)) > 0 from pg_stat_activity where usename = 'samaconso_app'" | sed 's/^/backends ended: /'
echo "application after it: $(app 'select count(*) from kept')"
psql -XqAt -h 192.0.2.11 -p 6432 -U samaconso_user -d pgbouncer -c 'show pools' | awk -F'|' '$1 == "samaconso" { print "pool: " $2 " " $NF }'
# What Prometheus reads of it, on the exporter's own file.
# shellcheck source=/dev/null
(set -a; unset PGSSLROOTCERT; . "$R/etc/default/samaconso-pgbouncer-exporter"; HOME=/ exec setpriv --reuid=nobody --clear-groups "$here/samaconso-pgbouncer-exporter" "$ARGS") &
until (exec 3<>/dev/tcp/192.0.2.11/9127) 2>/dev/null; do sleep 0.1; done
curl -sf http://192.0.2.11:9127/metrics | grep -E '^pgbouncer_(up|(active|waiting)_clients\{database="samaconso")' | sed -E 's/clients(.*) [0-9]+$/clients\1/; s/^/metric: /'
PGPASSWORD=x psql -X -h 192.0.2.11 -p 6432 -U postgres -d samaconso -c 'select 1' >/dev/null 2>&1 || echo 'superuser from outside: refused'

export SAMACONSO_BACKUP=$R/etc/samaconso/backup.conf
as pgbackrest --config="$R/etc/pgbackrest/pgbackrest.conf" --stanza=samaconso stanza-create
"$here/samaconso-backup" full >/dev/null
echo "nightly dump: $("$here/samaconso-backup" dump)"
"$here/samaconso-backup" verify
RESTORE_TEST_FOLDER=$R/tmp "$here/samaconso-restore-test"
app 'insert into kept select generate_series(1001, 1500)'
moment=$(sql -c 'select clock_timestamp()' -d samaconso); sleep 1.2
app 'drop table kept'
sql -d samaconso -c 'select pg_switch_wal()' >/dev/null
until [ "$(sql -d samaconso -c "select last_archived_time > '$moment' from pg_stat_archiver")" = t ]; do sleep 0.2; done
sleep 1
"$here/samaconso-restore" --to "$moment" | sed 's/; what was before.*//'
echo "rows after the restoration: $(app 'select count(*) from kept')"

# The server is lost, all but its backups; its playbook makes an empty cluster in its place.
app 'insert into kept select generate_series(1501, 1800)'
moment=$(sql -c 'select clock_timestamp()' -d samaconso)
sql -d samaconso -c 'select pg_switch_wal()' >/dev/null
until [ "$(sql -d samaconso -c "select last_archived_time > '$moment' from pg_stat_archiver")" = t ]; do sleep 0.2; done
postmaster=$(head -n 1 "$data/postmaster.pid")
kill -KILL "$postmaster"
while kill -0 "$postmaster" 2>/dev/null; do sleep 0.1; done
until [ -z "$(pgrep -f "^postgres: .*archiver" -u postgres --ns $$ --nslist net)" ]; do sleep 0.1; done
rm -rf "$data" "$data".before-*
as "$bin/initdb" -D "$data" -A peer --no-sync >/dev/null
echo "include_dir '$R/etc/postgresql/$version/main/conf.d'" >>"$data/postgresql.conf"
"$R/start"
sql -f "$R/etc/samaconso/postgresql/roles.sql" 2>/dev/null
echo "on the empty one: $(app 'select count(*) from kept' 2>&1 | grep -o 'does not exist' | head -n 1)"
"$here/samaconso-restore" --latest | sed 's/; what was before.*//'
echo "rows after all was lost: $(app 'select count(*) from kept')"
