/**
 * A durable store in a folder of its own, with every value sealed. A commit is answered once it is on the disk (`sync`);
 * commits that wait together are written together. What is read is believed only if its seal opens and it has the revision
 * that this process remembers; when the folder is opened, all of it must add up to the sealed state record. So nothing in
 * it can be changed, moved, taken away or rolled back singly. The folder as a whole can: see docs/decisions/storage.md.
 *
 * After a failed write, or a read that finds damage, the store refuses everything with `state_damaged`: what the disk
 * holds is then known only to the next opening. Keys are not sealed, and all keys are held in memory.
 */
import { ClassicLevel } from 'classic-level'
import type { AbstractBatchOperation } from 'abstract-level'
import { Refusal, storeKey } from '../messages/index.ts'
