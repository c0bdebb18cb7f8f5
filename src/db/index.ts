export { escapeLiteral as literal } from 'pg'
export { type Database, openDatabase, type Queryable, type Tx } from './database.ts'
export { isUniqueViolation } from './errors.ts'
export { MigrationChanged, migrate } from './migrate.ts'
