/** Objects as sets of fields: without those that are absent, and each value made from its key or from another value. */

/** The fields of `T` that may be undefined become optional; a field that is there has a value. */
export type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** The same object without the fields whose value is undefined; null, false and 0 stay. */
export function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>
}

/** An object with these keys, each with the value that `make` gives it. */
export function fromKeys<K extends string, V>(keys: readonly K[], make: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, V>
}

/** The same keys, each with what `make` makes of its value. */
export function mapValues<T extends object, V>(
  record: T,
  make: (value: T[keyof T], key: keyof T & string) => V,
): Record<keyof T, V>
/** The same, where `R` says more exactly than the compiler can see which key has which value. */
export function mapValues<T extends object, R extends object>(
  record: T,
  make: (value: T[keyof T], key: keyof T & string) => unknown,
): R
export function mapValues<T extends object>(
  record: T,
  make: (value: T[keyof T], key: keyof T & string) => unknown,
): Record<keyof T, unknown> {
  const entries = Object.entries(record) as [keyof T & string, T[keyof T]][]
  return Object.fromEntries(entries.map(([key, value]) => [key, make(value, key)])) as Record<keyof T, unknown>
}

/** What `make` makes of a value, or undefined where there is none: for a field that `defined` then leaves out. */
export function mapDefined<T, R>(value: T | undefined, make: (value: T) => R): R | undefined {
  return value === undefined ? undefined : make(value)
}
