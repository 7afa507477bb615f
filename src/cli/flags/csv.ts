/** The fields of one CSV record: those that hold commas stand in double quotes, which are doubled inside. */
export function csvFields(text: string): readonly string[] {
  return [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )
}
