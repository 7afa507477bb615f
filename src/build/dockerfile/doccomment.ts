import type { Statement } from './syntax.ts'

/** What a comment right above an instruction says of a stage or argument: `# name description`. */
export function docComment({ comments }: Statement, name: string): string | undefined {
  return comments.find((comment) => comment.startsWith(`${name} `))?.slice(name.length + 1)
}
