import { z, type ZodType } from 'zod'

/** The body of an endpoint that takes bytes (`application/octet-stream`) and no JSON. */
export const octets: ZodType<Uint8Array> = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'Send the bytes themselves')
