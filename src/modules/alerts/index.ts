/** What happens in the company's systems and a customer is told of without asking. */
export { forgetFound, watchTopUps } from './watch-topups.ts'
