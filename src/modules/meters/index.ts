/** Meters and who may look into them. */
export { linkDemoMeters } from './demo.ts'
export { type OpenMeter, openMeter } from './read.ts'
export { metersRoutes } from './routes.ts'
export { LinkPath, type MeterKind, MeterLink } from './schema.ts'
export { countLinks } from './sql-count.ts'
export { type Follower, followersOf } from './sql-followers.ts'
