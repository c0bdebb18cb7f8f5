export { FOLDERS, folderStorage } from './folder.ts'
export { createBuckets, s3Storage } from './s3.ts'
export type { FilePart, Storage, StoredFile } from './types.ts'
