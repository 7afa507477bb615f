import type { Healthcheck } from '#oci'
import type { StepDevice } from '../ops/definition.ts'
import type { Statement } from './syntax.ts'

/** A statement whose form is known. Texts are as written: quotes and variables are still in them. */
export type Instruction =
  | FromInstruction
  | ArgInstruction
  | PairsInstruction
  | RunInstruction
  | CommandInstruction
  | CopyInstruction
  | ExposeInstruction
  | VolumeInstruction
  | WorkdirInstruction
  | TextInstruction
  | ShellInstruction
  | HealthcheckInstruction
  | OnbuildInstruction

interface Base<Name extends string> {
  readonly name: Name
  readonly statement: Statement
}

export interface FromInstruction extends Base<'FROM'> {
  readonly image: string
  /** In lower case. */
  readonly stage?: string
  readonly platform?: string
}

export interface ArgInstruction extends Base<'ARG'> {
  readonly args: readonly { readonly key: string; readonly value?: string }[]
}

export interface PairsInstruction extends Base<'ENV' | 'LABEL'> {
  readonly pairs: readonly Pair[]
}

export interface Pair {
  readonly key: string
  readonly value: string
  /** `ENV key value`, without `=`. */
  readonly legacy: boolean
}

/** `exec`: an argument vector. `shell`: one text for the stage's shell. */
export type CommandLine =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  | { readonly form: 'shell'; readonly text: string }

export interface RunInstruction extends Base<'RUN'> {
  readonly command: CommandLine
  readonly network?: string
  /** `--mount`, as written. */
  readonly mounts: readonly string[]
  readonly devices: readonly StepDevice[]
  /** `--security=insecure`. */
  readonly insecure: boolean
}

export interface CommandInstruction extends Base<'CMD' | 'ENTRYPOINT'> {
  readonly command: CommandLine
}

export interface CopyInstruction extends Base<'COPY' | 'ADD'> {
  readonly from?: string
  readonly chown?: string
  readonly chmod?: string
  /** The layer does not depend on what is below. */
  readonly link: boolean
  /** Directories above each source are kept. */
  readonly parents: boolean
  readonly exclude: readonly string[]
  readonly checksum?: string
  /** As written; without it the kind of source decides. */
  readonly unpack?: boolean
  readonly keepGitDir?: boolean
  readonly sources: readonly CopySource[]
  readonly destination: string
}

/** A path (or, for ADD, perhaps a URL), or a file written in the Dockerfile itself. */
export type CopySource =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'inline'; readonly name: string; readonly content: string; readonly expand: boolean }

export interface ExposeInstruction extends Base<'EXPOSE'> {
  readonly ports: readonly string[]
}

export interface VolumeInstruction extends Base<'VOLUME'> {
  readonly paths: readonly string[]
}

export interface WorkdirInstruction extends Base<'WORKDIR'> {
  readonly text: string
}

/** Settings whose whole argument is one text. */
export interface TextInstruction extends Base<'USER' | 'STOPSIGNAL' | 'MAINTAINER'> {
  readonly text: string
}

export interface ShellInstruction extends Base<'SHELL'> {
  readonly shell: readonly string[]
}

export interface HealthcheckInstruction extends Base<'HEALTHCHECK'> {
  readonly check: Healthcheck
}

export interface OnbuildInstruction extends Base<'ONBUILD'> {
  /** The trigger's text, heredocs included: what the image config keeps. */
  readonly expression: string
}

/** One `FROM` and what follows it. */
export interface Stage {
  readonly from: FromInstruction
  readonly index: number
  readonly instructions: readonly Exclude<Instruction, FromInstruction>[]
}

/** Instructions that change no file. */
export type SettingInstruction = Exclude<
  Instruction,
  FromInstruction | RunInstruction | CopyInstruction | WorkdirInstruction
>

export function isRun(instruction: Instruction): instruction is RunInstruction {
  return instruction.name === 'RUN'
}

export function isCopy(instruction: Instruction): instruction is CopyInstruction {
  return instruction.name === 'COPY' || instruction.name === 'ADD'
}

export function isWorkdir(instruction: Instruction): instruction is WorkdirInstruction {
  return instruction.name === 'WORKDIR'
}
