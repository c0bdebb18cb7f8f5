import { createSecureContext, type SecureContext } from 'node:tls'
import type { Authority } from '../authority.ts'

const MOST_HOSTS = 50

/** Certificates for whoever is asked for, made when first needed, the oldest forgotten beyond a bound. */
export function createCertificates(authority: Authority): (host: string) => Promise<SecureContext> {
  const contexts = new Map<string, Promise<SecureContext>>()

  function make(host: string): Promise<SecureContext> {
    const context = authority.issue([host]).then(createSecureContext)
    // One that could not be made is tried again; who asked hears of it.
    context.catch(() => contexts.delete(host))
    if (contexts.size >= MOST_HOSTS) contexts.delete(contexts.keys().next().value ?? '')
    contexts.set(host, context)
    return context
  }

  return host => contexts.get(host) ?? make(host)
}
