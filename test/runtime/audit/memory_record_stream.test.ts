import { MemoryRecordStream } from '../../../runtime/audit/memory_record_stream.ts'
import { recordStreamContract } from './record_stream_contract.ts'

recordStreamContract('memory', async () => new MemoryRecordStream(60))
