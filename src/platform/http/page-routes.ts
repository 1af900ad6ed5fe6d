import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { b64u } from '../bytes.ts'
import type { Actor, Ctx } from '../context.ts'
import { Refusal, type Mistake } from '../errors.ts'
import { answer, type Outcome, type Page, type Visit } from '../pages.ts'
import { goesFarEnough, mayCall, mayChange, pageCaller, type ApiDoor, type Caller } from './callers.ts'
import { clearCookie, readCookie, setCookie } from './cookies.ts'
import { comesFrom, formToken, tokenHolds } from './form-guard.ts'
import { emptyForm, readForms, unreadableFields } from './forms.ts'
import { keptForm } from './kept-form.ts'
import type { RenderView } from './layout.ts'
import { ProtocolRefusal } from './protocol.ts'
import { rowOf } from './problems.ts'
import { checkParams, checkQuery } from './readable.ts'

/** `signIn`: where people sign in, empty where they cannot. `awayTo`: origins that a page may send people to. */
export type PageOptions = {
  pages: readonly Page[]
  makeCtx(actor: Actor): Ctx
  render: RenderView
  signIn: string
  awayTo: readonly string[]
}

/** Name of the hidden field that the layout for questions puts into every form. */
export const TOKEN_FIELD = 'form-token'

/** Where somebody who has signed in proves once more who they are. */
export const CONFIRM = '/confirm'

const OUT_OF_DATE: Mistake = { field: '', message: 'This page had been open too long. Check what you entered, then send it again' }

type Call = { page: Page; door: ApiDoor; options: PageOptions; request: FastifyRequest; reply: FastifyReply }

/** A page's outcome becomes a response here and nowhere else. */
export async function mountPages(app: FastifyInstance, door: ApiDoor, options: PageOptions): Promise<void> {
  await app.register(async (web) => {
    readForms(web)
    for (const page of options.pages) {
      const preParsing = (request: FastifyRequest, reply: FastifyReply): Promise<void> => letIn({ page, door, options, request, reply })
      web.get(page.path, { preParsing }, (request, reply) => show({ page, door, options, request, reply }))
      if (page.submit) web.post(page.path, { preParsing }, (request, reply) => submit({ page, door, options, request, reply }))
    }
  })
}

/**
 * Before anything that was sent is read. Whoever may not send a form is told so only when it has been read: what they typed goes back
 * to them, and nowhere else.
 */
async function letIn(call: Call): Promise<void> {
  const { page, door, request, reply } = call
  if (request.method === 'POST' && comesFrom(request, door.origin) === 'elsewhere') throw new ProtocolRefusal('foreign-form')
  const acting = page.asOneself ? { asOneself: true as const } : {}
  const { caller, refusal } = await callerAt(call, acting)
  if (caller.session === undefined && request.cookies[door.names.session] !== undefined) clearCookie(reply, door.names.session)
  request.setDecorator('actor', caller.actor)
  request.setDecorator('session', caller.session)
  request.setDecorator('caller', caller)
  const refused = refusal ?? refusalFor(call, caller)
  if (refused && refused.code !== 'step-up-needed' && request.method !== 'POST') throw refused
  request.setDecorator('refusal', refused)
}

/** A session whose mandate has ended is nobody's here, and says so. */
async function callerAt({ door, request }: Call, acting: { asOneself?: true }): Promise<{ caller: Caller; refusal?: Refusal }> {
  try {
    return { caller: await pageCaller(request, door.names, door.authenticate, acting) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { actor, session } = await pageCaller(request, door.names, door.authenticate, { asOneself: true })
    return { caller: { actor, ...(session !== undefined && { session }) }, refusal: error }
  }
}

function refusalFor({ page, options, request }: Call, { actor, credential }: Caller): Refusal | undefined {
  try {
    mayCall(page.who, actor)
    if (request.method === 'POST') mayChange(actor)
    goesFarEnough({ ...page, method: request.method }, credential, options.makeCtx(actor).now())
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** Whoever is to confirm first is sent to do so, and then here. */
async function show(call: Call): Promise<FastifyReply> {
  const { reply, request } = call
  if (request.getDecorator<Refusal | undefined>('refusal')) return reply.redirect(`${CONFIRM}?to=${encodeURIComponent(request.url)}`, 303)
  return send(call, await call.page.show(visitOf(call)), 200)
}

/** What is typed is never lost: whatever is wrong, even with the form's token, it comes again. */
async function submit(call: Call): Promise<FastifyReply> {
  const refused = call.request.getDecorator<Refusal | undefined>('refusal')
  if (refused) return handBack(call, refused)
  const visit = visitOf(call)
  if (!tokenHolds(secretOf(call), answer(visit.form, TOKEN_FIELD))) return again(call, visit, [OUT_OF_DATE], 403)
  const unreadable = unreadableFields(visit.form)
  if (unreadable.length > 0) return again(call, visit, unreadable, 400)
  const outcome = await call.page.submit!(visit).catch((error: unknown) => {
    if (error instanceof Refusal) return error
    throw error
  })
  if (!(outcome instanceof Refusal)) return send(call, outcome, 200)
  if (outcome.code === 'invalid') return again(call, visit, outcome.detail.mistakes ?? [], 400)
  // A sign-in that failed counts with the tokens that did not hold.
  throw outcome.code === 'not-signed-in' ? await call.door.limits.refusedSignIn(call.request, call.reply) : outcome
}

async function again(call: Call, visit: Visit, mistakes: readonly Mistake[], status: number): Promise<FastifyReply> {
  return send(call, await call.page.show({ ...visit, mistakes }), status, mistakes)
}

/** A page that holds what was typed and sends it again, once whoever it is has signed in or confirmed beside it. */
function handBack(call: Call, { code }: Refusal): FastifyReply {
  const { options, request } = call
  const remedies = { 'not-signed-in': options.signIn, 'step-up-needed': CONFIRM }
  const remedy = (remedies as Record<string, string>)[code] ?? ''
  const form = (request.body as Visit['form'] | undefined) ?? emptyForm
  return send(call, keptForm(code, remedy, form), rowOf(code).status)
}

function visitOf(call: Call): Visit {
  const { request, options } = call
  const session = request.getDecorator<string | undefined>('session')
  const browser = secretOf(call)
  return {
    params: checkParams(request.params as Record<string, string>),
    query: checkQuery(request.query as Record<string, string>),
    form: (request.body as Visit['form'] | undefined) ?? emptyForm,
    mistakes: [],
    ctx: options.makeCtx(request.getDecorator<Actor>('actor')),
    ...(session !== undefined && { session }),
    ...(browser !== undefined && { browser }),
  }
}

/** The session, else the random cookie of somebody who has not signed in. */
function secretOf({ request, door }: Call): string | undefined {
  return request.getDecorator<string | undefined>('session') ?? readCookie(request, door.names.form)
}

function send(call: Call, outcome: Outcome, status: number, mistakes: readonly Mistake[] = []): FastifyReply {
  const { request, reply, door, options } = call
  if (outcome.kind === 'away') {
    if (!options.awayTo.includes(URL.parse(outcome.to)?.origin ?? '')) throw new TypeError('a page sends people to origins that are named')
    return reply.redirect(outcome.to, 303)
  }
  if (outcome.kind === 'redirect') {
    if (!/^\/(?![/\\])/.test(outcome.to)) throw new TypeError('a page redirects to a path of this node')
    if (outcome.session === null) clearCookie(reply, door.names.session)
    else if (outcome.session !== undefined) setCookie(reply, door.names.session, outcome.session)
    return reply.redirect(outcome.to, 303)
  }
  const actor = request.getDecorator<Actor>('actor')
  const about = {
    actor,
    path: call.page.path,
    mistakes,
    ...(call.page.submit && { formToken: formToken(secretOf(call) ?? newSecret(call)) }),
  }
  return reply.code(status).type('text/html; charset=utf-8').send(options.render(outcome, about))
}

function newSecret({ request, reply, door, options }: Call): string {
  const secret = b64u(options.makeCtx(request.getDecorator<Actor>('actor')).random.bytes(32))
  setCookie(reply, door.names.form, secret)
  return secret
}
