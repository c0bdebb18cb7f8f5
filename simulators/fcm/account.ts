import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePrivate } from '../authority.ts'

/** What Google's console gives to download as a service account's key, field by field. */
export interface ServiceAccount {
  type: 'service_account'
  project_id: string
  private_key_id: string
  /** RSA 2048, PKCS 8, PEM. */
  private_key: string
  client_email: string
  client_id: string
  token_uri: string
}

/**
 * The service account kept in `dir` (mode 0600), made at the first call. Its key stays; `token_uri` follows the
 * address of the simulator, which may move.
 */
export function loadOrCreateAccount(
  dir: string,
  tokenUri: string,
): { account: ServiceAccount; file: string } {
  const file = join(dir, 'service-account.json')
  mkdirSync(dir, { recursive: true })
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ServiceAccount) : newAccount()
  const account = { ...kept, token_uri: tokenUri }
  writePrivate(file, `${JSON.stringify(account, null, 2)}\n`)
  return { account, file }
}

function newAccount(): Omit<ServiceAccount, 'token_uri'> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return {
    type: 'service_account',
    project_id: 'samaconso-demo',
    private_key_id: randomUUID().replaceAll('-', ''),
    private_key: privateKey,
    client_email: 'push@samaconso-demo.iam.example',
    client_id: '100000000000000000000',
  }
}
