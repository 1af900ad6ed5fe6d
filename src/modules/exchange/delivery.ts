import { b64u, type Bytes } from '#platform/bytes'
import type { RefusalCode } from '#platform/errors'
import { openJws, signJws, type Signer, type VerifyKey } from '#platform/jws'
import { envelopeHash } from './envelope.ts'
import type { NodeId } from './message.ts'

const TYP = 'concordat-delivery+jws'

export type DeliveryResult = { id: string; state: 'accepted' | 'refused'; code?: RefusalCode }

/** The recipient's signed answer to one envelope: what became of each statement in it. docs/formats/envelope.md. */
export type Delivery = {
  v: 1
  deployment: string
  from: NodeId
  to: NodeId
  envelope: string
  hash: string
  at: string
  results: DeliveryResult[]
}

export function signDelivery(delivery: Delivery, signer: Signer): string {
  return signJws(TYP, delivery, signer)
}

/** Whose answer it is, whatever it answers. Throws SyntaxError. */
export function readDelivery(jws: string, key: VerifyKey): Delivery {
  return openJws(jws, TYP, key) as unknown as Delivery
}

/** Throws SyntaxError unless it is this peer's answer to exactly these bytes. */
export function checkDelivery(
  jws: string,
  sent: { envelope: Bytes; id: string; from: NodeId; to: NodeId; deployment: string },
  key: VerifyKey,
): Delivery {
  const delivery = openJws(jws, TYP, key) as unknown as Delivery
  const same = delivery.v === 1 && delivery.deployment === sent.deployment && delivery.from === sent.to && delivery.to === sent.from
  if (!same || delivery.envelope !== sent.id || delivery.hash !== b64u(envelopeHash(sent.envelope)))
    throw new SyntaxError('acknowledges something else')
  return delivery
}
