import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** What the sender needs of a Google service account's key file. */
export interface FcmAccount {
  projectId: string
  clientEmail: string
  keyId: string
  privateKey: KeyObject
  /** Where access tokens are asked for; always https. */
  tokenUri: string
}

/** Reads the file that Google's console gives. Throws with the field that is missing or wrong, never with its value. */
export function readFcmAccount(file: string): FcmAccount {
  const fields = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  const field = (name: string): string => {
    const value = fields[name]
    if (typeof value !== 'string' || value === '') throw new Error(`${file}: the field ${name} is missing`)
    return value
  }
  const tokenUri = field('token_uri')
  if (!tokenUri.startsWith('https://')) throw new Error(`${file}: token_uri must be an https address`)
  return {
    projectId: field('project_id'),
    clientEmail: field('client_email'),
    keyId: field('private_key_id'),
    privateKey: readKey(field('private_key'), file),
    tokenUri,
  }
}

function readKey(pem: string, file: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    // The parser's own message may quote the key.
    throw new Error(`${file}: private_key is not a private key in PEM`)
  }
  if (key.asymmetricKeyType !== 'rsa') throw new Error(`${file}: private_key is not an RSA key`)
  return key
}
