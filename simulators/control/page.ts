import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { extname } from 'node:path'

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
}
const FOLDER = new URL('../phones/', import.meta.url)
const FILES = new Set(readdirSync(FOLDER).filter(file => extname(file) in TYPES))

const fileAt = (path: string): string => (path === '/' ? 'index.html' : path.slice(1))

export const isPageFile = (path: string): boolean => FILES.has(fileAt(path))

/** Sends a file of the phones' page. */
export async function sendPageFile(response: ServerResponse, path: string): Promise<void> {
  const file = fileAt(path)
  const bytes = await readFile(new URL(file, FOLDER))
  response.writeHead(200, {
    'content-type': `${TYPES[extname(file)]}; charset=utf-8`,
    'cache-control': 'no-cache',
    'content-security-policy': "default-src 'self'; base-uri 'none'; form-action 'none'",
    'x-content-type-options': 'nosniff',
  })
  response.end(bytes)
}
