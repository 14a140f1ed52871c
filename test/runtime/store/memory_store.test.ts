import { MemoryStore } from '../../../runtime/store/memory_store.ts'
import { storeContract } from './store_contract.ts'

storeContract('memory', async () => {
  const store = new MemoryStore()
  return { store, [Symbol.asyncDispose]: () => store.close() }
})
