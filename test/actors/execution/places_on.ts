/** The places of files over a store that a test holds: nothing on the web, and no folder. */
import { FilePlaces } from '../../../actors/execution/files/file_places.ts'
import type { FileStore } from '../../../runtime/index.ts'
import { AddressRule, FolderFiles, SpoolFolder, systemClock, WebFiles } from '../../../runtime/index.ts'

export const spool = await SpoolFolder.open()

export const placesOn = (store: FileStore) =>
  new FilePlaces({
    store,
    web: new WebFiles({ http: false, addresses: new AddressRule([]), clock: systemClock }),
    folders: new FolderFiles([]),
    spool,
  })
