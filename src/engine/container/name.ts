import { fail } from '#base'

const ADJECTIVES =
  'agile amber ancient arctic bold brave breezy bright brisk calm candid careful cheerful clever cosmic crisp curious daring dapper deft eager earnest easy fair fearless fleet fond frosty gentle gifted glad golden graceful happy hardy hearty honest humble jolly keen kind lively lucid lucky mellow merry mighty modest nimble noble patient placid plucky polite proud quick quiet rapid ready serene sharp silent sincere snowy solid spry steady still strong sturdy subtle sunny swift tender tidy tranquil true upbeat valiant vivid warm wise witty zesty'.split(
    ' ',
  )
// People who raised or found great heights, in fact or on paper: a cairn marks a summit.
const SURNAMES =
  'abbe agnesi ampere apgar barton bell bernoulli blackwell bohr boole brahe cajal cantor cavendish celsius clarke curie dalton darwin davy dirac edison einstein elion erdos euclid euler everest faraday fermat fermi feynman fleming franklin galois gauss goodall haber hahn halley hamilton harvey hertz herschel hillary hopper hubble humboldt hypatia joule kepler knuth kovalevskaya lamarr laplace lavoisier leibniz linnaeus lovelace mach marconi maxwell mendel messner mirzakhani morse napier nash newton noether norgay ohm pascal pasteur pauli payne planck poincare raman ramanujan ride riemann sagan sanger shannon sutherland tabei tesla torvalds turing volta wallace watt wiles wilson wu yalow'.split(
    ' ',
  )

/** `brave_lovelace`; with a number behind it from the second try on. */
export function randomName(attempt: number): string {
  const name = `${pick(ADJECTIVES)}_${pick(SURNAMES)}`
  return attempt === 0 ? name : `${name}${Math.floor(Math.random() * 10 ** Math.min(attempt, 6))}`
}

/** 64 hexadecimal digits. At least one of the first twelve is a letter: a short ID is no number. */
export function newId(): string {
  for (;;) {
    const id = crypto.getRandomValues(new Uint8Array(32)).toHex()
    if (!/^\d{12}/.test(id)) return id
  }
}

/** A name that a container may have; Docker's rule. */
export function checkName(name: string): string {
  const bare = name.replace(/^\//, '')
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(bare) || bare.length > 255)
    fail('invalid_argument', `invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
  return bare
}

function pick(words: readonly string[]): string {
  return words[Math.floor(Math.random() * words.length)]!
}
