export { type Act, type Actor, record, recordAs, recordEach } from './record.ts'
