/** The in-memory file store keeps the contract. */
import { MemoryFileStore } from '../../../runtime/files/memory_file_store.ts'
import { fileStoreContract } from './file_store_contract.ts'

const store = new MemoryFileStore()
fileStoreContract('memory', () => ({ store, other: store }))
