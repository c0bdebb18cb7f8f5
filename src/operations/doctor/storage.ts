import { Readable } from 'node:stream'
import { folderStorage, type Storage, s3Storage } from '../../storage/index.ts'
import { endpointOf, reach } from './reach.ts'
import { type Check, ok, type Patient } from './types.ts'

const BUCKETS = ['avatars', 'documents', 'uploads'] as const
const PROBE = 'uploads/doctor-probe'
const TIME_MS = 2_000

/** Files: every bucket is there, and one can be written, read and deleted. */
export const storageCheck = ({ config }: Patient): Check => ({
  component: 'storage',
  remedy: {
    fr: 'Sur le serveur 1 : « systemctl status minio », espace du disque, compartiments avatars, documents, uploads ; port 9000 ouvert ? S3_ACCESS_KEY et S3_SECRET_KEY sont-elles les bonnes ?',
    en: 'On server 1: `systemctl status minio`, disk space, buckets avatars, documents, uploads; is port 9000 open? Are S3_ACCESS_KEY and S3_SECRET_KEY right?',
  },
  async run(signal) {
    const { s3Endpoint, s3CaFile } = config
    const reached = s3Endpoint ? await reach(endpointOf(s3Endpoint, s3CaFile), signal) : []
    const storage = s3Endpoint
      ? s3Storage({
          endpoint: s3Endpoint,
          region: config.s3Region ?? '',
          accessKey: config.s3AccessKey ?? '',
          secretKey: config.s3SecretKey ?? '',
          caFile: s3CaFile || undefined,
          answerMs: TIME_MS,
          putMs: TIME_MS,
        })
      : folderStorage({ folder: config.storageFolder ?? '' })
    try {
      await tryOut(storage)
      return [...reached, ok('écrit, lit et efface', 'writes, reads and deletes')]
    } finally {
      await storage.close()
    }
  },
})

async function tryOut(storage: Storage): Promise<void> {
  await Promise.all(BUCKETS.map(bucket => storage.list(`${bucket}/doctor-`)))
  const body = Buffer.from('doctor')
  await storage.put(PROBE, { body: Readable.from([body]), size: body.length, type: 'text/plain' })
  const file = await storage.get(PROBE)
  if (!file) throw new Error('the file that was just written is not there')
  let text = ''
  for await (const chunk of file.body) text += chunk
  await storage.delete(PROBE)
  if (text !== 'doctor') throw new Error('the file that was just written is another')
}
