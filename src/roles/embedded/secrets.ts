import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomSecret } from '../../lib/secrets.ts'
import { StartError } from '../say.ts'
import { writeAtomically } from './data-dir.ts'
import { DAMAGED } from './faults.ts'

/** Secrets of this demo, made at its first start. */
export const loadSecrets = (dir: string): Promise<Record<'TOKEN_KEY' | 'PEPPER' | 'SEAL_KEY', string>> =>
  keptOrMade(join(dir, 'secrets.json'), () => ({
    TOKEN_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    PEPPER: randomSecret(),
    SEAL_KEY: randomSecret(),
  }))

/** Secrets kept in a file, made when it is not there; a file that holds anything else is damage. */
export async function keptOrMade<Names extends string>(
  file: string,
  make: () => Record<Names, string>,
): Promise<Record<Names, string>> {
  const fresh = make()
  if (!existsSync(file)) {
    await writeAtomically(file, JSON.stringify(fresh))
    return fresh
  }
  const kept = parse(await readFile(file, 'utf8'))
  const isWhole = Object.keys(fresh).every(name => typeof kept?.[name] === 'string' && kept[name] !== '')
  if (!isWhole) throw new StartError(DAMAGED)
  return kept as Record<Names, string>
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
