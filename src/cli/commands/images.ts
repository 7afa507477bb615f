import { fail } from '#base'
import type { ImageSummary } from '#engine'
import { command, type Command } from '../command.ts'
import { booleanFilter, filterFlag, matchesLabel, parseFilters } from '../flags/filters.ts'
import { listing, printList } from '../format/list.ts'
import { print } from '../output.ts'
import { imageRow, shortId } from '../rows.ts'

const COLUMNS = [
  { heading: 'REPOSITORY', field: 'Repository' },
  { heading: 'TAG', field: 'Tag' },
  { heading: 'IMAGE ID', field: 'ID' },
  { heading: 'CREATED', field: 'CreatedSince' },
  { heading: 'SIZE', field: 'Size' },
]

export const images: Command = command({
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  options: {
    all: { type: 'boolean', short: 'a', help: 'Show all images (images without a name are shown in any case)' },
    digests: { type: 'boolean', help: 'Show digests' },
    filter: filterFlag,
    ...listing,
    'no-trunc': { type: 'boolean', help: "Don't truncate output" },
    quiet: { type: 'boolean', short: 'q', help: 'Only show image IDs' },
  },
  max: 1,
  completes: 'image',
  run: async (context, values, [pattern]) => {
    const filters = parseFilters(values.filter ?? [], ['dangling', 'label', 'reference', 'before', 'since'])
    const all = await (await context.node()).images.list({ all: values.all === true })
    const full = values['no-trunc'] === true
    const now = Date.now()
    const shown = filtered(all, filters)
    const references = [...(filters.get('reference') ?? []), ...(pattern === undefined ? [] : [pattern])]
    if (values.quiet && values.format === undefined && !values.json) {
      for (const image of shown)
        if (references.length === 0 || image.names.some((name) => references.every((r) => matchesReference(name, r))))
          print(full ? image.id : shortId(image.id))
      return
    }
    const rows = shown.flatMap((image) => {
      const names = image.names.filter((name) => references.every((reference) => matchesReference(name, reference)))
      if (names.length > 0) return names.map((name) => imageRow(image, name, { full, now }))
      return image.names.length === 0 && references.length === 0 ? [imageRow(image, undefined, { full, now })] : []
    })
    const columns = values.digests ? COLUMNS.toSpliced(2, 0, { heading: 'DIGEST', field: 'Digest' }) : COLUMNS
    printList(rows, columns, {
      format: values.format,
      json: values.json,
      headings: [{ heading: 'CREATED AT', field: 'CreatedAt' }],
    })
  },
})

/** `name`, `name:tag`, or a glob of one (`deb*`, `*:12`). */
function matchesReference(name: string, wanted: string): boolean {
  if (name === wanted || name.slice(0, name.lastIndexOf(':')) === wanted) return true
  return (
    wanted.includes('*') &&
    [name, name.slice(0, name.lastIndexOf(':'))].some((text) => new Bun.Glob(wanted).match(text))
  )
}

/** What `--filter` leaves of the images. */
function filtered(
  all: readonly ImageSummary[],
  filters: ReadonlyMap<string, readonly string[]>,
): readonly ImageSummary[] {
  const created = (ref: string): number =>
    (
      all.find((other) => other.names.some((name) => matchesReference(name, ref))) ??
      all.find((other) => other.id.startsWith(`sha256:${ref}`)) ??
      fail('not_found', `no such image: ${ref}`)
    ).created
  const values = (name: string): readonly string[] => filters.get(name) ?? []
  const dangling = values('dangling').map((value) => booleanFilter('dangling', value))
  const [before, since] = [values('before').map(created), values('since').map(created)]
  const some = <T>(wanted: readonly T[], holds: (value: T) => boolean): boolean =>
    wanted.length === 0 || wanted.some(holds)
  return all.filter(
    (image) =>
      some(dangling, (wanted) => wanted === (image.names.length === 0)) &&
      some(before, (time) => image.created < time) &&
      some(since, (time) => image.created > time) &&
      values('label').every((wanted) => matchesLabel(image.labels, wanted)),
  )
}
