import { open, readFile, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { fingerprintWords, COUNTERSIGNATURE } from '#enrolment'
import { newSigningKey } from '#platform/keys'
import { publicPart, signerOf, signJws, thumbprint, type PrivateJwk, type Signer } from '#platform/jws'
import { PERMISSION } from '#permission'
import { questions } from '#reporting'
import type { Env } from './command.ts'
import { NoOpenings, readOpenings } from './openings.ts'
import {
  CannotSign,
  checkWords,
  claimsIn,
  countersignatureInWords,
  itemsKnown,
  narrowed,
  permissionInWords,
  type ToSign,
} from './sign-words.ts'

const HELP = `Usage: concordat sign FILE [--key KEY] [--without ITEM]… [--until DATE] [--words FILE] [--openings FILE] [--out FILE] [--yes] [--json]
       concordat sign --new-key KEY [--json]

Shows exactly what a permission says, and signs it with a key that the portal never sees.
FILE is one request as GET /api/v1/permission-requests gives it, or its claims alone.
  --key KEY        the private key, a JWK; without it nothing is signed
  --without ITEM   leaves an item out; may be repeated
  --until DATE     ends it earlier: a day, meant whole in UTC, or an instant
  --words FILE     the words, as GET /api/v1/permission-requests/{id}/words gives them;
                   else NAME.words.json beside NAME.json, if it is there. They are checked against the claims
  --openings FILE  what was sealed on your own machine: the file that concordat report --seal wrote. Checked against the claims too
  --out FILE       where the signed permission goes; else FILE.jws
  --yes            does not ask
  --new-key KEY    makes a key in a new file that only you can read, and says its words for the call-back
  --json           one JSON document instead of text
Exit: 0 signed, or shown; 1 refused; 2 wrong usage.
`

/** Wrong usage: exit 2. */
class Usage extends Error {}

const flagForms = {
  'help': { type: 'boolean', short: 'h' },
  'json': { type: 'boolean' },
  'yes': { type: 'boolean' },
  'key': { type: 'string' },
  'new-key': { type: 'string' },
  'without': { type: 'string', multiple: true },
  'until': { type: 'string' },
  'words': { type: 'string' },
  'openings': { type: 'string' },
  'out': { type: 'string' },
} as const

export async function sign(argv: string[], _env: Env): Promise<number> {
  try {
    const { values, positionals } = parsed(argv)
    if (values.help) return say(HELP)
    if (values['new-key'] !== undefined) return await newKey(values['new-key'], values.json === true, positionals)
    if (positionals.length !== 1) throw new Usage('name one file to sign (--help says more)')
    return await signFile(positionals[0]!, values)
  } catch (error) {
    if (!(error instanceof Usage || error instanceof CannotSign || error instanceof NoOpenings)) throw error
    process.stderr.write(`concordat sign: ${error.message}\n`)
    return error instanceof Usage ? 2 : 1
  }
}

type Flags = ReturnType<typeof parsed>['values']

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: flagForms, allowPositionals: true })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

/** Never over a file that is there: a key is not to be lost by a repeated command. */
async function newKey(path: string, json: boolean, positionals: string[]): Promise<number> {
  if (positionals.length > 0) throw new Usage('--new-key makes a key and signs nothing')
  const key = newSigningKey()
  const kid = thumbprint(key)
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new CannotSign(
      error.code === 'EEXIST' ? `${path} is there already, and is left as it is` : `${path} cannot be written (${error.code})`,
    )
  })
  try {
    await file.writeFile(`${JSON.stringify({ ...key, kid })}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  const words = fingerprintWords(kid)
  if (json) return say(`${JSON.stringify({ file: path, kid, key: publicPart(key), fingerprintWords: words })}\n`)
  return say(
    `A new key is in ${path}. Keep it, and let nobody else have it.\n\nPublic part, to be enrolled (POST /api/v1/enrolments, "key"):\n  ${JSON.stringify(publicPart(key))}\n\nWhen you are called back, read these words out:\n  ${words.join(' ')}\n`,
  )
}

async function signFile(path: string, flags: Flags): Promise<number> {
  const toSign = changed(claimsIn(await readJsonFile(path)), flags)
  const lines = await inWords(path, toSign, flags)
  if (flags.key === undefined) {
    if (flags.json) return say(`${JSON.stringify({ signed: false, ...toSign })}\n`)
    return say(`${lines.join('\n')}\n\nNothing was signed: --key KEY signs it.\n`)
  }
  const signer = await signerFrom(flags.key)
  if (!flags.json) say(`${lines.join('\n')}\n\n`)
  await mustBeMeant(flags)
  const [typ, claims] = 'permission' in toSign ? [PERMISSION, toSign.permission] : [COUNTERSIGNATURE, toSign.countersignature]
  const jws = signJws(typ, claims, signer)
  const out = flags.out ?? `${path}.jws`
  await writeFile(out, `${jws}\n`)
  if (flags.json) return say(`${JSON.stringify({ signed: true, file: out, kid: signer.kid, jws })}\n`)
  return say(
    `Signed, in ${out}. Hand it in: POST /api/v1/${'permission' in toSign ? 'permissions' : 'enrolments, as "countersignature"'}.\n`,
  )
}

function changed(toSign: ToSign, { without = [], until }: Flags): ToSign {
  if ('permission' in toSign) return { permission: narrowed(toSign.permission, { without, until }) }
  if (without.length > 0 || until !== undefined) throw new Usage('--without and --until are for permissions')
  return toSign
}

async function inWords(path: string, toSign: ToSign, flags: Flags): Promise<string[]> {
  if (!('permission' in toSign)) return countersignatureInWords(toSign.countersignature)
  const beside = path.replace(/(\.json)?$/, '.words.json')
  const value = flags.words === undefined ? await readJsonFile(beside).catch(() => undefined) : await readJsonFile(flags.words)
  const words = value === undefined ? undefined : checkWords(value, toSign.permission)
  const openings = flags.openings === undefined ? undefined : await readOpenings(flags.openings)
  if (flags.openings !== undefined && !openings) throw new Usage(`${flags.openings} cannot be read (ENOENT)`)
  const items = itemsKnown(toSign.permission, words, openings)
  return permissionInWords(toSign.permission, { words, items }, new Map(questions.map(({ id, label }) => [id, label])))
}

async function readJsonFile(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Usage(`${path} cannot be read (${error.code})`)
  })
  try {
    return JSON.parse(text)
  } catch {
    throw new CannotSign(`${path} is not JSON`)
  }
}

async function signerFrom(path: string): Promise<Signer> {
  const key = (await readJsonFile(path)) as Partial<PrivateJwk>
  try {
    const signer = signerOf(key as PrivateJwk)
    if (key.crv !== 'Ed25519' || typeof key.d !== 'string' || (key.kid !== undefined && key.kid !== signer.kid))
      throw new TypeError('another key')
    return signer
  } catch {
    throw new CannotSign(`${path} is not a private Ed25519 key as JWK`)
  }
}

/** A person answers for a signature; a script must say that one has. */
async function mustBeMeant({ yes }: Flags): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY) throw new Usage('nobody is at a terminal to ask: --yes signs without asking')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await lines.question('Sign this? Type yes: ')
  lines.close()
  if (answer.trim().toLowerCase() !== 'yes') throw new CannotSign('nothing was signed')
}

function say(text: string): 0 {
  process.stdout.write(text)
  return 0
}
