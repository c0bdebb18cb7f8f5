import type { Config } from '../config.ts'
import { folderStorage, type Storage, s3Storage } from '../storage/index.ts'

/** The object storage that is configured, or a folder. */
export const openStorage = (config: Config): Storage =>
  config.s3Endpoint
    ? s3Storage({
        endpoint: config.s3Endpoint,
        region: config.s3Region,
        accessKey: config.s3AccessKey,
        secretKey: config.s3SecretKey,
        caFile: config.s3CaFile || undefined,
      })
    : folderStorage({ folder: config.storageFolder })
