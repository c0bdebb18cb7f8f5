import type { TestProject } from 'vitest/node'
import { needServers, SUITE_SERVERS } from './servers/packages.ts'
import { openRun } from './servers/run.ts'
import { openTestDatabase, type TestDatabase } from './servers/test-database.ts'

declare module 'vitest' {
  interface ProvidedContext extends TestDatabase {}
}

/**
 * The real servers that all test files share: PostgreSQL behind PgBouncer, of which each file clones the migrated
 * database. Fails when tests leave a connection, a database or a process behind.
 */
export default async function setup(project: TestProject) {
  await needServers(SUITE_SERVERS)
  const run = await openRun()
  try {
    const [database] = await Promise.all([openTestDatabase(run, process.env)])
    project.provide('adminUrl', database.adminUrl)
    project.provide('templateUrl', database.templateUrl)
    project.provide('consoleUrl', database.consoleUrl)
  } catch (error) {
    await run.end()
    throw error
  }
  return () => run.end()
}
