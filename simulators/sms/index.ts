export { type SmsGateway, startSmsGateway } from './server.ts'
