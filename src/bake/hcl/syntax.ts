import type { Place } from './source.ts'
import type { Value } from './value.ts'

/** A body: attributes, and blocks that have bodies. */
export interface Body {
  readonly attributes: readonly Attribute[]
  readonly blocks: readonly Block[]
}

export interface Attribute {
  readonly name: string
  readonly value: Expression
  readonly at: Place
}

export interface Block {
  readonly type: string
  readonly labels: readonly string[]
  readonly body: Body
  readonly at: Place
}

export type BinaryOperator = '||' | '&&' | '==' | '!=' | '<' | '>' | '<=' | '>=' | '+' | '-' | '*' | '/' | '%'

/** https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md, "Expressions". */
export type Expression = { readonly at: Place } & (
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'template'; readonly parts: readonly Expression[] }
  | { readonly kind: 'variable'; readonly name: string }
  /** The element that a splat is at. */
  | { readonly kind: 'element' }
  | { readonly kind: 'index'; readonly of: Expression; readonly key: Expression }
  | { readonly kind: 'splat'; readonly of: Expression; readonly each: Expression }
  | { readonly kind: 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'object'; readonly items: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[]; readonly spread: boolean }
  | { readonly kind: 'not' | 'negate'; readonly of: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly kind: 'choice'; readonly if: Expression; readonly whenTrue: Expression; readonly whenFalse: Expression }
  | ForExpression
)

export interface ForExpression {
  readonly kind: 'for'
  readonly at: Place
  readonly makes: 'tuple' | 'object' | 'text'
  readonly keyName: string | undefined
  readonly valueName: string
  readonly in: Expression
  /** Objects only. */
  readonly key?: Expression
  readonly value: Expression
  readonly if?: Expression
  /** `...`: values of the same key are gathered in lists. */
  readonly group: boolean
}
