// Pages about the servers that the product stands on, by their exporters.
import { curve, type Page, perSecond } from './panels.ts'

export const SERVERS: readonly Page[] = [
  {
    file: 'postgresql',
    title: 'PostgreSQL',
    panels: [
      curve(
        'Connexions',
        'short',
        'Par état.',
        ['sum by (state) (pg_stat_activity_count)', '{{state}}'],
        ['max(pg_settings_max_connections)', 'limite'],
      ),
      curve(
        'Transactions',
        'ops',
        'Validées et annulées.',
        [perSecond('pg_stat_database_xact_commit{datname="samaconso"}', 'datname'), 'validées'],
        [perSecond('pg_stat_database_xact_rollback{datname="samaconso"}', 'datname'), 'annulées'],
      ),
      curve(
        'PgBouncer : clients',
        'short',
        'Actifs, et qui attendent.',
        ['sum by (database) (pgbouncer_active_clients)', '{{database}} actifs'],
        ['sum by (database) (pgbouncer_waiting_clients)', '{{database}} attendent'],
      ),
      curve('Plus longue transaction', 's', 'Par base.', [
        'max by (datname) (pg_stat_activity_max_tx_duration{state!="idle"})',
        '{{datname}}',
      ]),
      curve('Verrous', 'short', 'Par mode.', [
        'sum by (mode) (pg_locks_count{datname="samaconso"})',
        '{{mode}}',
      ]),
      curve('Lectures servies par la mémoire', 'percentunit', 'Sous 99 %, la base lit trop le disque.', [
        'sum(rate(pg_stat_database_blks_hit{datname="samaconso"}[$__rate_interval])) / (sum(rate(pg_stat_database_blks_hit{datname="samaconso"}[$__rate_interval])) + sum(rate(pg_stat_database_blks_read{datname="samaconso"}[$__rate_interval])))',
        'mémoire',
      ]),
      curve('Taille', 'bytes', 'Par base.', ['max by (datname) (pg_database_size_bytes)', '{{datname}}']),
      curve('Archivage des WAL', 's', 'Âge du dernier archivage.', [
        'max(pg_stat_archiver_last_archive_age)',
        'âge',
      ]),
    ],
  },
  {
    file: 'rabbitmq',
    title: 'RabbitMQ',
    panels: [
      curve(
        'Messages',
        'short',
        'Prêts, et remis sans réponse.',
        ['sum(rabbitmq_queue_messages_ready)', 'prêts'],
        ['sum(rabbitmq_queue_messages_unacked)', 'remis'],
      ),
      curve(
        'Débit',
        'ops',
        'Reçus, remis, acquittés.',
        ['sum(rate(rabbitmq_global_messages_received_total[$__rate_interval]))', 'reçus'],
        ['sum(rate(rabbitmq_global_messages_delivered_total[$__rate_interval]))', 'remis'],
        ['sum(rate(rabbitmq_global_messages_acknowledged_total[$__rate_interval]))', 'acquittés'],
      ),
      curve(
        'Mémoire',
        'bytes',
        'Et sa limite.',
        ['sum(rabbitmq_process_resident_memory_bytes)', 'utilisée'],
        ['sum(rabbitmq_resident_memory_limit_bytes)', 'limite'],
      ),
      curve(
        'Disque libre',
        'bytes',
        'Et le seuil de l’alarme.',
        ['sum(rabbitmq_disk_space_available_bytes)', 'libre'],
        ['sum(rabbitmq_disk_space_available_limit_bytes)', 'seuil'],
      ),
      curve('Connexions', 'short', 'Des processus de la plateforme.', [
        'sum(rabbitmq_connections)',
        'connexions',
      ]),
      curve(
        'Sans file, ou mis de côté',
        'ops',
        'Revenus faute de file ; essais épuisés.',
        ['sum(rate(rabbitmq_global_messages_unroutable_returned_total[$__rate_interval]))', 'sans file'],
        [
          'sum(rate(rabbitmq_global_messages_dead_lettered_delivery_limit_total[$__rate_interval]))',
          'mis de côté',
        ],
      ),
    ],
  },
  {
    file: 'redis',
    title: 'Redis',
    panels: [
      curve(
        'Mémoire',
        'bytes',
        'Et sa limite.',
        ['max(redis_memory_used_bytes)', 'utilisée'],
        ['max(redis_memory_max_bytes)', 'limite'],
      ),
      curve('Commandes', 'ops', 'Toutes.', [
        'sum(rate(redis_commands_processed_total[$__rate_interval]))',
        'commandes',
      ]),
      curve('Clés trouvées', 'percentunit', 'Part des lectures.', [
        'sum(rate(redis_keyspace_hits_total[$__rate_interval])) / (sum(rate(redis_keyspace_hits_total[$__rate_interval])) + sum(rate(redis_keyspace_misses_total[$__rate_interval])))',
        'trouvées',
      ]),
      curve('Évictions', 'ops', 'Des clés de cache seulement.', [
        'sum(rate(redis_evicted_keys_total[$__rate_interval]))',
        'évincées',
      ]),
      curve('Clients', 'short', 'Connectés.', ['max(redis_connected_clients)', 'clients']),
      curve(
        'Écriture sur disque',
        'short',
        '1 : la dernière a réussi.',
        ['min(redis_rdb_last_bgsave_status)', 'RDB'],
        ['min(redis_aof_last_write_status)', 'AOF'],
      ),
    ],
  },
  {
    file: 'machines',
    title: 'Machines',
    panels: [
      curve('Processeur', 'percentunit', 'Occupé.', [
        '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))',
        '{{instance}}',
      ]),
      curve('Mémoire disponible', 'percentunit', 'Part.', [
        'node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes',
        '{{instance}}',
      ]),
      curve('Disques', 'percentunit', 'Remplis.', [
        '1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"} / node_filesystem_size_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"}',
        '{{instance}} {{mountpoint}}',
      ]),
      curve(
        'Réseau',
        'Bps',
        'Reçu et envoyé.',
        [perSecond('node_network_receive_bytes_total{device!="lo"}', 'instance'), '{{instance}} reçu'],
        [perSecond('node_network_transmit_bytes_total{device!="lo"}', 'instance'), '{{instance}} envoyé'],
      ),
      curve('Charge', 'short', 'Sur une minute.', ['node_load1', '{{instance}}']),
      curve('Horloge', 's', 'Écart à NTP.', ['node_timex_offset_seconds', '{{instance}}']),
      curve('Certificats', 'dtdurations', 'Temps avant leur fin.', [
        'probe_ssl_earliest_cert_expiry - time()',
        '{{instance}}',
      ]),
      curve('Tâches des minuteries', 'dtdurations', 'Depuis le dernier succès.', [
        'time() - samaconso_task_last_success_timestamp_seconds',
        '{{instance}} {{task}}',
      ]),
    ],
  },
]
