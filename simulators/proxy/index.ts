export { PROXY_MODES, PROXY_TROUBLES, type ProxyBehaviour } from './behaviour.ts'
export { type CompanyProxy, type ProxyOptions, startProxy } from './server.ts'
