import { Readable } from 'node:stream'
import { z, type ZodType } from 'zod'

/** The body of an endpoint that takes bytes (`application/octet-stream`) and no JSON. */
export const octets: ZodType<Uint8Array> = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'Send the bytes themselves')

/**
 * The same as it comes, for an endpoint that takes or gives more than fits into memory: it reads to the end, or refuses before it has read
 * a byte. No limit on bodies holds for it but its own.
 */
export const octetStream: ZodType<Readable> = z.custom<Readable>((value) => value instanceof Readable, 'Send the bytes themselves')
