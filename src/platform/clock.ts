/** An instant as every format of ours writes it: RFC 3339, UTC, milliseconds. */
export function instant(date: Date): string {
  return date.toISOString()
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Strict: the one spelling above, of a moment that exists. */
export function fromInstant(text: string): Date {
  const date = new Date(text)
  if (!INSTANT.test(text) || date.toISOString() !== text) throw new SyntaxError('not an instant')
  return date
}

/** How far the clocks of two houses may be apart, in milliseconds: the bound that docs/formats/permission.md and statement.md give. */
export const SKEW = 5 * 60_000
