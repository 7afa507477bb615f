/** Cells in columns as wide as their widest, `gap` blanks apart; the last one is not padded. */
export function columns(rows: readonly (readonly string[])[], gap: number): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => Bun.stringWidth(row[i] ?? ''))))
  return rows
    .map((row) => {
      const cells = row.map((cell, i) =>
        i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - Bun.stringWidth(cell) + gap),
      )
      return `${cells.join('')}\n`
    })
    .join('')
}
