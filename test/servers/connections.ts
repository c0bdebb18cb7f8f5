import { withClient } from './postgres.ts'

interface Client {
  user: string
  database: string
  application_name: string
}

/** What is open, of one role or to one database. */
export type Which = { role: string } | { database: string }

/** Connections that somebody holds, through PgBouncer and past it, in words. PgBouncer's own do not count: it keeps them for the next. */
export async function openConnections(adminUrl: string, consoleUrl: string, which: Which): Promise<string[]> {
  const { clients, pooled } = await withClient(consoleUrl, async console => ({
    clients: (await console.query<Client>('show clients')).rows,
    pooled: (await console.query<{ remote_pid: number }>('show servers')).rows.map(row => row.remote_pid),
  }))
  const through = clients.filter(({ user, database }) =>
    'role' in which ? user === which.role : database === which.database,
  )
  const { rows: past } = await withClient(adminUrl, client =>
    client.query<{ datname: string; query: string }>(
      `select datname, left(query, 200) query from pg_stat_activity
       where ${'role' in which ? 'usename' : 'datname'} = $1 and pid <> all ($2::int[])`,
      ['role' in which ? which.role : which.database, pooled],
    ),
  )
  return [
    ...through.map(
      client => `connection to ${client.database} through PgBouncer (${client.application_name})`,
    ),
    ...past.map(({ datname, query }) => `connection to ${datname} past PgBouncer, last: ${query}`),
  ]
}
