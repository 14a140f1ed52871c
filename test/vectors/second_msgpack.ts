/** As much of msgpack as letters need, for the second implementation. */

export function encode(value: unknown): Buffer {
  if (value === null) return Buffer.from([0xc0])
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2])
  if (typeof value === 'number') return encodeNumber(value)
  if (typeof value === 'string') return Buffer.concat([sized(0xdb, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([sized(0xc6, value.length), value])
  if (Array.isArray(value)) return Buffer.concat([sized(0xdd, value.length), ...value.map(encode)])
  const entries = Object.entries(value as object)
  return Buffer.concat([
    sized(0xdf, entries.length),
    ...entries.flatMap(([key, field]) => [encode(key), encode(field)]),
  ])
}

function encodeNumber(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 128) return Buffer.from([value])
  const double = Buffer.alloc(9)
  double[0] = 0xcb
  double.writeDoubleBE(value, 1)
  return double
}

function sized(type: number, length: number): Buffer {
  const head = Buffer.alloc(5)
  head[0] = type
  head.writeUInt32BE(length, 1)
  return head
}

export function decode(bytes: Buffer): unknown {
  const reader = new Reader(bytes)
  const value = reader.read()
  if (!reader.isAtEnd) throw new Error('more than one value')
  return value
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  read(): unknown {
    const type = this.#unsigned(1)
    if (type < 0x80) return type
    if (type < 0x90) return this.#map(type & 0x0f)
    if (type < 0xa0) return this.#list(type & 0x0f)
    if (type < 0xc0) return this.#take(type & 0x1f).toString()
    if (type >= 0xe0) return type - 0x100
    switch (type) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#unsigned(2 ** (type - 0xc4)))
      case 0xca:
        return this.#take(4).readFloatBE()
      case 0xcb:
        return this.#take(8).readDoubleBE()
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#unsigned(2 ** (type - 0xcc))
      case 0xcf:
        return Number(this.#take(8).readBigUInt64BE())
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.#take(2 ** (type - 0xd0)).readIntBE(0, 2 ** (type - 0xd0))
      case 0xd3:
        return Number(this.#take(8).readBigInt64BE())
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#take(this.#unsigned(2 ** (type - 0xd9))).toString()
      case 0xdc:
      case 0xdd:
        return this.#list(this.#unsigned(2 ** (type - 0xdb)))
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(2 ** (type - 0xdd)))
      default:
        throw new Error(`type ${type} has no place in a letter`)
    }
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new Error('cut off')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #unsigned(length: number): number {
    return this.#take(length).readUIntBE(0, length)
  }

  #list(length: number): unknown[] {
    return Array.from({ length }, () => this.read())
  }

  #map(length: number): Record<string, unknown> {
    return Object.fromEntries(Array.from({ length }, () => [this.read() as string, this.read()]))
  }
}
