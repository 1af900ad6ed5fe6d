import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { b64u, sha256, type Bytes } from '#platform/bytes'
import { makeFolder, readJson, syncFolder, writeFileAtomically } from '#platform/home'
import { signerOf, type PrivateJwk, type PublicJwk, type Signer } from '#platform/jws'
import { newSigningKey } from '#platform/keys'
import type { ShownHead } from './heads.ts'
import { isKeyName, parseCheckpoint } from './note.ts'

/** What a witness keeps on disk: its key, the last head of each log that it cosigned, and evidence. A few kilobytes, whatever the logs do. */

/** The state cannot be read as it stands. Beginning anew unasked would forget what was signed, so that nothing is signed. */
export class WitnessStateBroken extends Error {
  readonly code = 'witness-state-broken'
}

export type WitnessKey = { name: string; signer: Signer }
export type Evidence = { origin: string; why: 'smaller' | 'fork'; found: string; heads: [ShownHead, ShownHead]; path: readonly Bytes[] }

export class WitnessState {
  readonly folder: string
  constructor(folder: string) {
    this.folder = folder
  }

  private headFile(origin: string): string {
    return join(this.folder, 'heads', `${encodeURIComponent(origin)}.note`)
  }

  private evidenceFolder(origin: string): string {
    return join(this.folder, 'evidence', encodeURIComponent(origin))
  }

  /** The witness's key, made on first use under `name` or one of its own; never made beside heads that another key signed. */
  async key(name?: string): Promise<WitnessKey> {
    for (const folder of ['heads', 'evidence']) await makeFolder(join(this.folder, folder))
    const path = join(this.folder, 'key.json')
    const known = (await readJson(path)) as { name: string; key: PrivateJwk } | undefined
    if (known) {
      if (name !== undefined && name !== known.name) throw new WitnessStateBroken(`the witness of this state is called ${known.name}`)
      return { name: known.name, signer: signerOf(known.key) }
    }
    if ((await readdir(join(this.folder, 'heads'))).length > 0)
      throw new WitnessStateBroken(`${path} is gone, and the heads it signed are there`)
    const key = newSigningKey()
    const chosen = name ?? `witness-${b64u(sha256(key.x)).replace(/[-_]/g, '').slice(0, 10).toLowerCase()}`
    if (!isKeyName(chosen)) throw new WitnessStateBroken('a name has no space and no plus')
    await writeFileAtomically(path, `${JSON.stringify({ name: chosen, key })}\n`)
    return { name: chosen, signer: signerOf(key) }
  }

  /** The last head of this log that was cosigned, with the cosignature. */
  async last(origin: string): Promise<string | undefined> {
    const note = await readFile(this.headFile(origin), 'utf8').catch(absent)
    if (note !== undefined && !isOf(note, origin)) throw new WitnessStateBroken(`${this.headFile(origin)} is not a head of ${origin}`)
    return note
  }

  /** Durable once it returns: only then may the cosignature be shown. A crash leaves the head before, or this one. */
  async remember(origin: string, note: string): Promise<void> {
    await writeFileAtomically(this.headFile(origin), note)
  }

  /** Whether anything speaks against this log. */
  async isAccused(origin: string): Promise<boolean> {
    return (await this.evidence(origin)).length > 0
  }

  async evidence(origin: string): Promise<string[]> {
    // What a crash left half written is none.
    const names = ((await readdir(this.evidenceFolder(origin)).catch(absent)) ?? []).filter((name) => name.endsWith('.json'))
    return Promise.all(names.sort().map((name) => readFile(join(this.evidenceFolder(origin), name), 'utf8')))
  }

  /** Never overwrites: what is there stays as it was found. Durable once it returns. */
  async accuse({ origin, why, found, heads, path }: Evidence): Promise<void> {
    const folder = this.evidenceFolder(origin)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const notes = heads.map(({ note }) => note)
    const text = `${JSON.stringify({ v: 1, kind: 'concordat-heads', origin, why, found, heads: notes, path: path.map(b64u) }, null, 1)}\n`
    const name = `${heads[0].size}-${heads[1].size}-${b64u(sha256(...notes)).slice(0, 12)}.json`
    // One process a state: nobody else writes here meanwhile.
    if ((await readFile(join(folder, name)).catch(absent)) !== undefined) return
    await writeFileAtomically(join(folder, name), text)
    await syncFolder(join(this.folder, 'evidence'))
  }
}

export type WitnessedLog = { origin: string; key: PublicJwk; url: string }

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function isOf(note: string, origin: string): boolean {
  try {
    return parseCheckpoint(note).origin === origin
  } catch {
    return false
  }
}
