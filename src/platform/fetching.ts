/** GET of something small from a server that need not mean well: an answer longer than `most` bytes is broken off. */
export async function fetchWithin(url: string, most: number, signal: AbortSignal): Promise<{ status: number; body: Buffer }> {
  const response = await fetch(url, { signal, redirect: 'error' })
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body ?? []) {
    length += (part as Uint8Array).length
    if (length > most) throw new RangeError('the answer is too long')
    parts.push(part as Uint8Array)
  }
  return { status: response.status, body: Buffer.concat(parts) }
}
