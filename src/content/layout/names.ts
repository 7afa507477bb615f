import { Annotation, formatReference, isTag, parseReference, withDefaultTag } from '#oci'
import type { Descriptor } from '#oci'

/** The full name that an entry of index.json carries; undefined when it has a bare tag or nothing. */
export function entryName({ annotations }: Descriptor): string | undefined {
  return fullName(annotations?.[Annotation.containerdImageName]) ?? fullNameOf(annotations?.[Annotation.refName])
}

/** The annotations for a name: the whole of it for containerd and Docker, the tag for everyone else. */
export function nameAnnotations(ref: string): Readonly<Record<string, string>> {
  const name = isTag(ref) ? undefined : fullName(ref)
  if (name === undefined) return { [Annotation.refName]: ref }
  return {
    [Annotation.containerdImageName]: name,
    [Annotation.refName]: parseReference(name).tag ?? name.slice(name.indexOf('@') + 1),
  }
}

/** True when an entry is what `ref` asks for: by its exact ref.name, or by the same full name. */
export function entryMatches(entry: Descriptor, ref: string): boolean {
  if (entry.annotations?.[Annotation.refName] === ref || entry.digest === ref) return true
  const wanted = fullName(ref)
  return wanted !== undefined && entryName(entry) === wanted
}

/** A bare tag (`12`, `latest`) could be read as a repository; in ref.name it is meant as a tag. */
function fullNameOf(refName: string | undefined): string | undefined {
  return refName !== undefined && !isTag(refName) ? fullName(refName) : undefined
}

function fullName(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  try {
    return formatReference(withDefaultTag(parseReference(text)))
  } catch {
    return undefined
  }
}
