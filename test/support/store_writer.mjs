/**
 * Writes to the store in a folder for as long as it lives, many commits at a time, and prints each one that was
 * answered. It is there to be killed. Arguments: folder, storage key (hex), a name that makes its keys its own.
 */
import { AesValueSeal } from '../../dist/attestation/sealing/value_seal.js'
import { LevelStore } from '../../dist/runtime/store/level_store.js'

const WRITERS = 16
const [folder, storageKey, name] = process.argv.slice(2)
const store = await LevelStore.open(folder, new AesValueSeal(Buffer.from(storageKey, 'hex')))

async function writeForever(writer) {
  let counter = 0
  for (let round = 1; ; round++) {
    const value = Buffer.from(`${name} ${writer} ${round} `.padEnd(1 + ((round * 7919) % 6000), '.'))
    const revisions = await store.commit([
      { key: `${name}/${writer}/${round}`, value, revision: 0 },
      { key: `${name}/${writer}/counter`, value: Buffer.from(String(round)), revision: counter },
    ])
    counter = revisions[1]
    process.stdout.write(`${writer} ${round} ${revisions.join(' ')}\n`)
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => writeForever(writer)))
