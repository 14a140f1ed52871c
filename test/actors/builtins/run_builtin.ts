/** Runs a built-in function in this thread, over inputs in parts of a size that a test chooses. */
import type { Builtin, BuiltinCall } from '../../../actors/builtins/builtin.ts'

export async function runBuiltin(
  builtin: Builtin,
  args: BuiltinCall['arguments'],
  inputs: ReadonlyMap<string, Uint8Array>,
  partBytes = 1_000,
): Promise<{ returnValue: string; outputs: ReadonlyMap<string, Uint8Array> }> {
  const outputs = new Map<string, Uint8Array>()
  const returnValue = await builtin.run({
    arguments: args,
    read: (name) => {
      const bytes = inputs.get(name)
      return bytes === undefined ? undefined : inParts(bytes, partBytes)
    },
    write: async (name, bytes) => {
      outputs.set(name, Buffer.concat([outputs.get(name) ?? Buffer.alloc(0), bytes]))
    },
  })
  return { returnValue, outputs }
}

async function* inParts(bytes: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += partBytes) yield Uint8Array.from(bytes.subarray(at, at + partBytes))
}
