/** The checks, under BuildKit's names; a page each in docs/checks. */
export type RuleName =
  | 'ConsistentInstructionCasing'
  | 'CopyIgnoredFile'
  | 'DuplicateStageName'
  | 'ExposeInvalidFormat'
  | 'ExposeProtoCasing'
  | 'FromAsCasing'
  | 'FromPlatformFlagConstDisallowed'
  | 'InvalidBaseImagePlatform'
  | 'InvalidDefaultArgInFrom'
  | 'InvalidDefinitionDescription'
  | 'JSONArgsRecommended'
  | 'LegacyKeyValueFormat'
  | 'MaintainerDeprecated'
  | 'MultipleInstructionsDisallowed'
  | 'NoEmptyContinuation'
  | 'RedundantTargetPlatform'
  | 'ReservedStageName'
  | 'SecretsUsedInArgOrEnv'
  | 'StageNameCasing'
  | 'UndefinedArgInFrom'
  | 'UndefinedVar'
  | 'WorkdirRelativePath'

/** A thing in a Dockerfile that is allowed and hardly meant. */
export interface Rule {
  /** What it is: one sentence. */
  readonly description: string
  /** Absent where there is no page. */
  readonly url?: string
  /** Looked for only where `experimental=` asks for it. */
  readonly experimental?: boolean
}

const PAGES = 'https://docs.docker.com/go/dockerfile/rule'

function rule(page: string, description: string): Rule {
  return { description, url: `${PAGES}/${page}/` }
}

/** The checks by name, as `# check=skip=` takes it. Their pages are in docs/checks/. */
export const RULES: Readonly<Record<RuleName, Rule>> = {
  ConsistentInstructionCasing: rule(
    'consistent-instruction-casing',
    'All commands within the Dockerfile should use the same casing (either upper or lower)',
  ),
  CopyIgnoredFile: rule('copy-ignored-file', 'Attempting to Copy file that is excluded by .dockerignore'),
  DuplicateStageName: rule('duplicate-stage-name', 'Stage names should be unique'),
  ExposeInvalidFormat: rule(
    'expose-invalid-format',
    'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
  ),
  ExposeProtoCasing: rule('expose-proto-casing', 'Protocol in EXPOSE instruction should be lowercase'),
  FromAsCasing: rule('from-as-casing', "The 'as' keyword should match the case of the 'from' keyword"),
  FromPlatformFlagConstDisallowed: rule(
    'from-platform-flag-const-disallowed',
    'FROM --platform flag should not use a constant value',
  ),
  InvalidBaseImagePlatform: { description: 'Base image platform does not match expected target platform' },
  InvalidDefaultArgInFrom: rule(
    'invalid-default-arg-in-from',
    'Default value for global ARG results in an empty or invalid base image name',
  ),
  InvalidDefinitionDescription: {
    ...rule(
      'invalid-definition-description',
      'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.',
    ),
    experimental: true,
  },
  JSONArgsRecommended: rule(
    'json-args-recommended',
    'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
  ),
  LegacyKeyValueFormat: rule(
    'legacy-key-value-format',
    'Legacy key/value format with whitespace separator should not be used',
  ),
  MaintainerDeprecated: rule(
    'maintainer-deprecated',
    'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
  ),
  MultipleInstructionsDisallowed: rule(
    'multiple-instructions-disallowed',
    'Multiple instructions of the same type should not be used in the same stage',
  ),
  NoEmptyContinuation: rule('no-empty-continuation', 'Empty continuation lines will become errors in a future release'),
  RedundantTargetPlatform: rule(
    'redundant-target-platform',
    'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
  ),
  ReservedStageName: rule('reserved-stage-name', 'Reserved words should not be used as stage names'),
  SecretsUsedInArgOrEnv: rule(
    'secrets-used-in-arg-or-env',
    'Sensitive data should not be used in the ARG or ENV commands',
  ),
  StageNameCasing: rule('stage-name-casing', 'Stage names should be lowercase'),
  UndefinedArgInFrom: rule('undefined-arg-in-from', 'FROM command must use declared ARGs'),
  UndefinedVar: rule('undefined-var', 'Variables should be defined before their use'),
  WorkdirRelativePath: rule(
    'workdir-relative-path',
    'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
  ),
}
