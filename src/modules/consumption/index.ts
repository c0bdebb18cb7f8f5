/** What a meter used and what it cost, from the company's systems or the last known copy. */
export { consumptionRoutes } from './routes.ts'
