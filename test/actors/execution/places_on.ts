/** The places of files over a store that a test holds: nothing on the web, and no folder. */
import { FilePlaces } from '../../../actors/execution/file_places.ts'
import type { FileStore } from '../../../runtime/index.ts'
import { AddressRule, FolderFiles, systemClock, WebFiles } from '../../../runtime/index.ts'

export const placesOn = (store: FileStore) =>
  new FilePlaces(
    store,
    new WebFiles({ http: false, addresses: new AddressRule([]), clock: systemClock }),
    new FolderFiles([]),
  )
