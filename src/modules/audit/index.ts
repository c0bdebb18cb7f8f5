export { type Act, record, recordEach } from './record.ts'
