import { fail } from '#base'
import { formatReference, parseReference, withDefaultTag } from '#oci'

/** The full name that a person gives to an image: `app` is `docker.io/library/app:latest`. */
export function fullName(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined)
    fail('invalid_argument', `invalid tag ${JSON.stringify(text)}: a digest cannot be given to an image`)
  return formatReference(withDefaultTag(reference))
}
