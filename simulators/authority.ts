import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const TEN_YEARS_MS = 10 * 365 * 86_400_000
const ONE_DAY_MS = 86_400_000

export interface Authority {
  /** The certificate that clients trust by name. */
  caPem: string
  /** A server certificate for these names, always for 127.0.0.1 and localhost too. PEM, ECDSA P-256, valid ten years. */
  issue(names?: readonly string[]): Promise<{ key: string; cert: string }>
}

interface Issuer {
  keys: webcrypto.CryptoKeyPair
  certificate: x509.X509Certificate
}

const NAME = 'Simulated world authority'

/** A new certificate authority of the simulated world, in memory. */
export async function createAuthority(name = NAME): Promise<Authority> {
  return authorityOf(await newIssuer(name))
}

/** The authority kept in `dir` (`authority.pem`, `authority-key.pem`, mode 0600), made at the first call. */
export async function loadOrCreateAuthority(
  dir: string,
  name = NAME,
): Promise<Authority & { caFile: string }> {
  const caFile = join(dir, 'authority.pem')
  const keyFile = join(dir, 'authority-key.pem')
  mkdirSync(dir, { recursive: true })
  let issuer: Issuer
  if (existsSync(caFile) && existsSync(keyFile)) {
    issuer = await readIssuer(readFileSync(caFile, 'utf8'), readFileSync(keyFile, 'utf8'))
  } else {
    issuer = await newIssuer(name)
    writePrivate(keyFile, await privatePem(issuer.keys.privateKey))
    writePrivate(caFile, issuer.certificate.toString('pem'))
  }
  return { ...authorityOf(issuer), caFile }
}

/** Writes a file that its owner alone can read. */
export function writePrivate(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
  chmodSync(file, 0o600)
}

async function newIssuer(name: string): Promise<Issuer> {
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name}, O=SamaConso demo`,
    ...validity(),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { keys, certificate }
}

async function readIssuer(caPem: string, keyPem: string): Promise<Issuer> {
  const certificate = new x509.X509Certificate(caPem)
  const privateKey = await crypto.subtle.importKey(
    'pkcs8',
    x509.PemConverter.decodeFirst(keyPem),
    ALGORITHM,
    true,
    ['sign'],
  )
  return {
    keys: { privateKey, publicKey: await certificate.publicKey.export(ALGORITHM, ['verify']) },
    certificate,
  }
}

function authorityOf(issuer: Issuer): Authority {
  return {
    caPem: issuer.certificate.toString('pem'),
    issue: async (names = []) => {
      const keys = await newKeys()
      const subjects = [...new Set(['127.0.0.1', 'localhost', ...names])]
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: 'CN=localhost, O=SamaConso demo',
        issuer: issuer.certificate.subject,
        ...validity(),
        signingAlgorithm: ALGORITHM,
        publicKey: keys.publicKey,
        signingKey: issuer.keys.privateKey,
        extensions: [
          new x509.BasicConstraintsExtension(false),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(
            subjects.map(value => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
          ),
          await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
        ],
      })
      return { key: await privatePem(keys.privateKey), cert: certificate.toString('pem') }
    },
  }
}

const newKeys = () =>
  crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

/** A day of grace before, for clocks that disagree. */
function validity() {
  const now = Date.now()
  return { notBefore: new Date(now - ONE_DAY_MS), notAfter: new Date(now + TEN_YEARS_MS) }
}

/** Sixteen random bytes, positive as RFC 5280 wants it. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return Buffer.from(bytes).toString('hex')
}
