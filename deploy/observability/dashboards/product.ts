// Pages about the product itself.
import { curve, type Page, perSecond, quantile, stat } from './panels.ts'

const REQUESTS = 'samaconso_http_request_duration_seconds'
const OUTSIDE = 'samaconso_outside_call_duration_seconds'

const budget = (title: string, key: string) =>
  stat(
    title,
    'percentunit',
    `samaconso:${key}_budget_left:ratio30d`,
    'Ce qui reste du budget d’erreurs de 30 jours ; à zéro, l’objectif est manqué.',
    0.25,
    true,
  )

const targets = [
  stat(
    'Disponibilité (30 j)',
    'percentunit',
    '1 - samaconso:http_errors:ratio_rate30d',
    'Objectif : 99,9 % des requêtes sans erreur 5xx.',
    0.999,
    true,
  ),
  stat(
    'Réponses sous 500 ms (30 j)',
    'percentunit',
    '1 - samaconso:http_slow:ratio_rate30d',
    'Objectif : 99 %.',
    0.99,
    true,
  ),
  stat(
    'Connexions simultanées',
    'short',
    'sum(samaconso_websockets)',
    'WebSockets ouvertes, toutes instances ; prévu : 10 000 par instance.',
    20_000,
  ),
  stat(
    'Notifications envoyées (30 j)',
    'percentunit',
    '1 - samaconso:delivery_failures:ratio_rate30d',
    'Objectif : 95 %. Les appareils désinscrits ne comptent pas.',
    0.95,
    true,
  ),
]

export const PRODUCT: readonly Page[] = [
  {
    file: 'overview',
    title: 'Vue d’ensemble système',
    panels: [
      ...targets,
      budget('Budget : disponibilité', 'availability'),
      budget('Budget : temps de réponse', 'latency'),
      budget('Budget : envois', 'delivery'),
      budget('Budget : délai d’envoi', 'delay'),
      stat('Instances de l’API', 'short', 'sum(up{job="api"})', 'Deux en temps normal.', 2, true),
      stat(
        'Workers',
        'short',
        'sum(samaconso_workers{state="running"})',
        'Entendus par le moniteur.',
        2,
        true,
      ),
      stat('Planificateur actif', 'short', 'sum(samaconso_scheduler_active)', 'Un, et un seul.', 1, true),
      stat(
        'Alertes en cours',
        'short',
        'count(ALERTS{alertstate="firing", alertname!="DeadMansSwitch"}) or vector(0)',
        'Voir Alertmanager.',
        1,
      ),
      curve('Requêtes', 'reqps', 'Par statut.', [perSecond(`${REQUESTS}_count`, 'status'), '{{status}}']),
      curve(
        'Temps de réponse',
        's',
        'Médiane et 99e centile.',
        [quantile(0.5, REQUESTS), 'médiane'],
        [quantile(0.99, REQUESTS), 'p99'],
      ),
      curve('Dépendances', 'short', '1 : utilisable ; 0 : absente ou disjoncteur ouvert.', [
        'min by (dependency) (samaconso_dependency_up)',
        '{{dependency}}',
      ]),
      curve('Files', 'short', 'Messages prêts, par file.', [
        'sum by (queue) (samaconso_queue_messages{state="ready"})',
        '{{queue}}',
      ]),
    ],
  },
  {
    file: 'targets',
    title: 'Les cinq objectifs',
    panels: [
      ...targets,
      stat('Clients', 'short', 'max(samaconso_customers)', 'Prévu : un million.'),
      stat(
        'Erreurs HTTP (1 h)',
        'percentunit',
        'samaconso:http_errors:ratio_rate1h',
        'Objectif : moins de 0,1 %.',
        0.001,
      ),
      curve(
        'Erreurs HTTP',
        'percentunit',
        'Part des réponses 5xx.',
        ['samaconso:http_errors:ratio_rate5m', '5 min'],
        ['samaconso:http_errors:ratio_rate1h', '1 h'],
      ),
      curve(
        'Réponses au-delà de 500 ms',
        'percentunit',
        'Part des réponses.',
        ['samaconso:http_slow:ratio_rate5m', '5 min'],
        ['samaconso:http_slow:ratio_rate1h', '1 h'],
      ),
      curve(
        'Envois manqués',
        'percentunit',
        'Refusés, expirés ou sans réponse.',
        ['samaconso:delivery_failures:ratio_rate5m', '5 min'],
        ['samaconso:delivery_failures:ratio_rate1h', '1 h'],
      ),
      curve(
        'Envois après plus de 10 s',
        'percentunit',
        'Notifications à un client.',
        ['samaconso:delivery_late:ratio_rate5m', '5 min'],
        ['samaconso:delivery_late:ratio_rate1h', '1 h'],
      ),
    ],
  },
  {
    file: 'api',
    title: 'Performance API',
    panels: [
      curve('Requêtes par route', 'reqps', 'Les dix plus demandées.', [
        `topk(10, ${perSecond(`${REQUESTS}_count`, 'method, route')})`,
        '{{method}} {{route}}',
      ]),
      curve('p99 par route', 's', 'Les dix plus lentes.', [
        `topk(10, ${quantile(0.99, REQUESTS, 'method, route')})`,
        '{{method}} {{route}}',
      ]),
      curve('Statuts', 'reqps', 'Par statut et instance.', [
        perSecond(`${REQUESTS}_count`, 'status, instance'),
        '{{status}} {{instance}}',
      ]),
      curve('Refus et erreurs', 'reqps', 'Par code de problème.', [
        perSecond('samaconso_http_problems_total', 'code'),
        '{{code}}',
      ]),
      curve('Connexions', 'reqps', 'Par moyen et issue.', [
        perSecond('samaconso_sign_ins_total', 'grant, outcome'),
        '{{grant}} {{outcome}}',
      ]),
      curve('WebSockets', 'short', 'Par instance.', [
        'sum by (instance, state) (samaconso_websockets)',
        '{{instance}} {{state}}',
      ]),
      curve(
        'Boucle d’événements',
        's',
        '99e centile du retard : au-delà de 100 ms, l’instance est saturée.',
        ['nodejs_eventloop_lag_p99_seconds{job="api"}', '{{instance}}'],
      ),
      curve('Mémoire', 'bytes', 'Résidente.', ['process_resident_memory_bytes{job="api"}', '{{instance}}']),
      curve('Cache', 'percentunit', 'Part des lectures servies sans recharger.', [
        '1 - sum(rate(samaconso_cache_loads_total[$__rate_interval])) / sum(rate(samaconso_cache_reads_total[$__rate_interval]))',
        'trouvées',
      ]),
      curve(
        'Connexions à la base',
        'short',
        'Occupées, et qui attendent.',
        ['sum by (instance) (samaconso_database_connections{state="busy"})', '{{instance}} occupées'],
        ['sum by (instance) (samaconso_database_waiting)', '{{instance}} attendent'],
      ),
    ],
  },
  {
    file: 'workers',
    title: 'Workers',
    panels: [
      curve('Tâches terminées', 'ops', 'Par tâche et issue.', [
        perSecond('samaconso_tasks_total{outcome!="started"}', 'task, outcome'),
        '{{task}} {{outcome}}',
      ]),
      curve('Attente', 's', '99e centile, par file.', [
        quantile(0.99, 'samaconso_task_wait_seconds', 'queue'),
        '{{queue}}',
      ]),
      curve('Durée', 's', '99e centile, par tâche.', [
        quantile(0.99, 'samaconso_task_run_seconds', 'task'),
        '{{task}}',
      ]),
      curve('Files', 'short', 'Messages par état.', [
        'sum by (queue, state) (samaconso_queue_messages)',
        '{{queue}} {{state}}',
      ]),
      curve(
        'Places',
        'short',
        'Occupées et offertes, par file.',
        ['sum by (queue) (samaconso_queue_active)', '{{queue}} occupées'],
        ['sum by (queue) (samaconso_queue_slots)', '{{queue}} offertes'],
      ),
      curve('Boîte d’envoi', 's', 'Âge du plus ancien message en route vers RabbitMQ.', [
        'max(samaconso_outbox_oldest_seconds)',
        'âge',
      ]),
      curve('Travaux planifiés', 's', 'Durée moyenne.', [
        'sum by (name) (rate(samaconso_scheduled_job_duration_seconds_sum[$__rate_interval])) / sum by (name) (rate(samaconso_scheduled_job_duration_seconds_count[$__rate_interval]))',
        '{{name}}',
      ]),
      curve('Mémoire', 'bytes', 'Résidente.', [
        'process_resident_memory_bytes{job="worker"}',
        '{{instance}}',
      ]),
    ],
  },
  {
    file: 'deliveries',
    title: 'Livraisons et diffusions',
    panels: [
      curve('Livraisons par issue', 'ops', 'Notifications et diffusions.', [
        perSecond('samaconso_deliveries_total', 'kind, outcome'),
        '{{kind}} {{outcome}}',
      ]),
      curve('Délai d’une notification', 's', 'De l’acceptation à l’envoi, 99e centile par file.', [
        quantile(0.99, 'samaconso_delivery_delay_seconds', 'queue'),
        '{{queue}}',
      ]),
      curve('Diffusions en cours', 'short', 'Par état.', [
        'sum by (state) (samaconso_broadcasts)',
        '{{state}}',
      ]),
      curve('Progression', 'short', 'Appareils des diffusions en cours, par issue.', [
        'sum by (outcome) (samaconso_broadcast_devices)',
        '{{outcome}}',
      ]),
      curve('FCM : appels', 'ops', 'Par issue.', [
        perSecond(`${OUTSIDE}_count{system="fcm"}`, 'outcome'),
        '{{outcome}}',
      ]),
      curve(
        'FCM : temps',
        's',
        'Médiane et 99e centile.',
        [quantile(0.5, OUTSIDE).replace('_bucket[', '_bucket{system="fcm"}['), 'médiane'],
        [quantile(0.99, OUTSIDE).replace('_bucket[', '_bucket{system="fcm"}['), 'p99'],
      ),
    ],
  },
  {
    file: 'outside',
    title: 'Systèmes extérieurs',
    panels: [
      curve('Disponibles', 'short', '0 : absent, ou disjoncteur ouvert.', [
        'min by (dependency) (samaconso_dependency_up{dependency=~"sic|postpaid|push|sms|storage"})',
        '{{dependency}}',
      ]),
      curve('Appels', 'ops', 'Par système et issue ; left_alone : refusé par le disjoncteur.', [
        perSecond(`${OUTSIDE}_count`, 'system, outcome'),
        '{{system}} {{outcome}}',
      ]),
      curve('Temps', 's', '99e centile par système.', [quantile(0.99, OUTSIDE, 'system'), '{{system}}']),
      curve(
        'Retard du suivi',
        's',
        'Depuis quand tout ce qui est nouveau dans SIC n’a pas été lu : secondes d’ordinaire ; au-delà, les recharges ne sont pas annoncées.',
        ['max by (watcher) (samaconso_watcher_delay_seconds)', '{{watcher}}'],
      ),
      curve('Nouveautés trouvées', 'ops', 'Recharges vues pour la première fois.', [
        perSecond('samaconso_watcher_found_total', 'watcher'),
        '{{watcher}}',
      ]),
    ],
  },
  {
    file: 'business',
    title: 'Activité',
    panels: [
      stat('Clients', 'short', 'max(samaconso_customers)', 'Comptes de clients.'),
      stat('Actifs (24 h)', 'short', 'max(samaconso_active_customers)', 'Clients dont une session a servi.'),
      stat(
        'Compteurs rattachés',
        'short',
        'sum(samaconso_meter_links{status="active"})',
        'Rattachements actifs.',
      ),
      stat(
        'Rattachements en attente',
        'short',
        'sum(samaconso_meter_links{status="pending"})',
        'Que le titulaire ou un agent doit décider.',
      ),
      curve('Connexions réussies', 'ops', 'Par moyen.', [
        perSecond('samaconso_sign_ins_total{outcome="ok"}', 'grant'),
        '{{grant}}',
      ]),
      curve('Consultations', 'reqps', 'Par route de la consommation.', [
        perSecond(`${REQUESTS}_count{route=~"/v1/meters.*"}`, 'route'),
        '{{route}}',
      ]),
    ],
  },
]
