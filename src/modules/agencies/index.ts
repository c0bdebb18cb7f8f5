/** Senelec's branches. The back office spells their names freely; they are found without case, accents and spaces. */
export { agencyOf, ensureAgencies } from './agencies.ts'
export { agenciesRoutes } from './routes.ts'
export { Agency } from './schema.ts'
