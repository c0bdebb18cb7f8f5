export { deleteCustomer, findCustomerId, forgetOldDeletions, replayDeletions } from './delete-customer.ts'
