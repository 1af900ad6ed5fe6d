import { fromB64u } from '#platform/bytes'

/** Common words, no two of them much alike to read or hear: one a byte. Their order is part of docs/formats/permission.md. */
export const words: readonly string[] = `
  acorn album amber anchor angel ankle apple apron armour arrow attic autumn badge baker balcony bamboo banjo barley
  barrel basket beacon beaver bedroom beetle blanket blossom bonnet bottle boulder bracket bramble branch bridge bronze
  bucket buffalo bugle bunker butter button cabin cactus camel candle canoe canvas captain carbon carpet carrot castle
  cavern cedar cellar chapel cherry chimney chisel cider cinema circus clarinet clover cobalt coconut coffee comet
  compass copper coral cotton crayon cricket crimson crystal curtain cushion cyclist daisy dancer dentist desert diamond
  dinner doctor dolphin domino donkey dragon drummer eagle easel echo elbow elephant ember emerald engine falcon farmer
  feather fennel ferry fiddle finger flannel flower forest fortune fossil fountain freckle galaxy gallop garden garlic
  garnet gazelle giraffe glacier goblet granite gravel guitar hammer hamster harbour harvest hazel hedgehog helmet heron
  hockey honey hornet hotel igloo island ivory jacket jasmine jersey jewel jigsaw jungle kettle kitchen kitten ladder
  lagoon lantern laurel lemon leopard library lobster lumber lupin magnet mango maple marble market meadow melon mirror
  mosaic mustard napkin nectar needle noodle novel nutmeg oatmeal ocean olive onion opera orbit orchard organ otter
  oyster paddle palace panda paper pebble pelican pencil pepper piano pigeon pillow pilot planet pocket pumpkin puppet
  quarry quilt rabbit radish raven ribbon river robin saffron salmon sandal satin saucer scarlet shadow shepherd silver
  skeleton spider squirrel stable summer sunset syrup tailor tandem temple thimble thunder ticket tiger timber tomato
  trumpet tulip tunnel turnip turtle umbrella valley vanilla velvet vessel village violin volcano walnut walrus water
  whistle window winter wizard yellow yoghurt zebra
`
  .trim()
  .split(/\s+/)

/** 96 bits: who wants another key with the same words tries some 10²⁸ of them. */
const LENGTH = 12

/** A key's id as it is read out over the telephone: the first twelve bytes, a word each. Throws SyntaxError for what is no id. */
export function fingerprintWords(kid: string): string[] {
  return [...fromB64u(kid, 32).subarray(0, LENGTH)].map((byte) => words[byte]!)
}
