import { CairnError } from '#base'

/** Refuses a value that its flag cannot have. As an unknown flag does with Docker, this ends every command with 125. */
export function invalidValue(text: string, flag: string, meant: string): never {
  const message = `invalid argument ${JSON.stringify(text)} for ${flag}: ${meant} is meant`
  throw Object.assign(new CairnError('invalid_argument', message), { exitCode: 125 })
}
