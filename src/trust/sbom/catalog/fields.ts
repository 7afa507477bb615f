/** A stanza's fields by lower-case name; continuation lines keep their newlines. */
export type Fields = ReadonlyMap<string, string>

/** Stanzas of `Name: value` lines, as dpkg and Python's metadata have them: separated by empty lines (deb822(5)). */
export function* stanzas(text: string): Generator<Fields, void, void> {
  for (const block of text.replaceAll('\r\n', '\n').split(/\n(?:[ \t]*\n)+/)) {
    const fields = new Map<string, string>()
    let last: string | undefined
    for (const line of block.split('\n')) {
      if (/^[ \t]/.test(line)) {
        if (last !== undefined) fields.set(last, `${fields.get(last)}\n${line.slice(1)}`)
        continue
      }
      const colon = line.indexOf(':')
      if (colon <= 0) continue
      last = line.slice(0, colon).toLowerCase()
      fields.set(last, line.slice(colon + 1).trim())
    }
    if (fields.size > 0) yield fields
  }
}
