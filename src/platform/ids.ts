import type { Random } from './context.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** The one spelling of an id: docs/formats/README.md. What is anything else names nothing, and must not reach a query or a path. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}

// No 0 O 1 I L U: a reference is read out over the telephone, and spells nothing.
const ALPHABET = '23456789ABCDEFGHJKMNPQRSTVWXYZ'

/** `PREFIX-XXXX-XXXX`: about 39 random bits, unique by constraint where it is kept. */
export function newReference(prefix: string, random: Random): string {
  const four = (): string => Array.from({ length: 4 }, () => ALPHABET[random.below(ALPHABET.length)]).join('')
  return `${prefix}-${four()}-${four()}`
}
