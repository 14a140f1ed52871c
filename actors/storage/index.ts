/** Starts the storage member: the one process that holds a deployment's folder of sealed values. */
import { AesValueSeal } from '../../attestation/index.ts'
import { assert, Refusal } from '../../messages/index.ts'
import type { StartService } from '../../runtime/index.ts'
import { LevelStore } from '../../runtime/index.ts'
import { storageActor } from './storage_actor.ts'

/**
 * @throws Refusal `invalid_request` without the setting `folder`, and what `LevelStore.open` refuses
 */
export const start: StartService = async ({ settings, secrets, log }) => {
  const { folder } = settings
  if (typeof folder !== 'string' || folder === '') {
    throw new Refusal('invalid_request', 'storage has no folder to keep its values in', {
      hint: 'name one in the deployment, under storage: folder',
      field: 'folder',
    })
  }
  const storageKey = secrets['storage_key']
  assert(storageKey !== undefined, 'the coordinator releases the storage key to storage')
  const store = await LevelStore.open(folder, new AesValueSeal(storageKey))
  log.info({ folder, values: store.size }, 'the store is open and adds up')
  return {
    actor: storageActor(store),
    close: () => store.close(),
  }
}
