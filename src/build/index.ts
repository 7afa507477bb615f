export type {
  BuildCacheResult,
  BuildHost,
  BuildNetwork,
  BuildOptions,
  BuildResult,
  BuiltImage,
  CacheDep,
  CacheMap,
  CacheStorage,
  NetworkMode,
  NetworkRequest,
  Op,
  Vertex,
} from './types.ts'
export type { CacheOptions } from './options/cache.ts'
export type { ContextOptions } from './options/context.ts'
export type { LanguageOptions } from './options/language.ts'
export type { ResultOptions } from './options/result.ts'
export type { StepOptions } from './options/step.ts'
export { build } from './build.ts'
export { image } from './define/image.ts'
export { expanded } from './define/quote.ts'
export type { Expanded, Value } from './define/quote.ts'
export type {
  AddOptions,
  CommandLine,
  CopyOptions,
  CopySource,
  HealthcheckOptions,
  ImageDefinition,
  RunMount,
  RunOptions,
} from './define/types.ts'
export { checkDockerfile } from './call/check.ts'
export { outlineBuild } from './call/outline.ts'
export { withRemoteFiles } from './context/remotefiles.ts'
export type { RemoteFiles } from './context/remotefiles.ts'
export { listTargets } from './call/targets.ts'
export type {
  BuildOutline,
  BuildTarget,
  CheckReport,
  OutlineArg,
  OutlineMount,
  SourceFile,
  TargetList,
} from './call/types.ts'
export type { Finding } from './dockerfile/check/checks.ts'
export { RULES } from './dockerfile/check/rules.ts'
export type { Rule, RuleName } from './dockerfile/check/rules.ts'
export { openCacheMounts } from './cachemount/mounts.ts'
export type { CacheMountInfo, CacheMountName, CacheMounts } from './cachemount/types.ts'
export { currentCommit, currentDigest } from './source/current.ts'
export { leakAt } from './leaks.ts'
export type { Leak } from './leaks.ts'
export { cacheRecords, cacheRoots, openCache, forgetRecords, useRecord } from './cache.ts'
export type { BuildCache, CacheRecord } from './cache.ts'
export { expand, expandWord } from './dockerfile/expand.ts'
export type { Expansion, ExpandOptions, Lookup } from './dockerfile/expand.ts'
export type { SecretSource, SshSource } from './options/step.ts'
export { parseDockerfile } from './dockerfile/parse.ts'
export { readInstruction } from './dockerfile/read.ts'
export { readStages } from './dockerfile/stages.ts'
export type { Stages } from './dockerfile/stages.ts'
export type { Instruction, Stage } from './dockerfile/instruction.ts'
export type {
  Directive,
  Dockerfile,
  Escape,
  Flag,
  Heredoc,
  Position,
  Range,
  Statement,
  Word,
} from './dockerfile/syntax.ts'
export { planBuild } from './dockerfile/plan/plan.ts'
export type { Plan, PlanOptions } from './dockerfile/plan/plan.ts'
export { withRootTar } from './export/files.ts'
export type { ProvenanceOptions } from './provenance/types.ts'
export { CACHE_TYPE } from './remotecache/document.ts'
export type { RemoteLayer } from './remotecache/open.ts'
export type { CacheContents, CacheMode, CacheSource, FoundCache } from './remotecache/types.ts'
export { writeCache } from './remotecache/write.ts'
export type { CacheWriting } from './remotecache/write.ts'
export { reapSteps } from './ops/step.ts'
export { SharedWork } from './solver/shared.ts'
export { solve, solveAll } from './solver/solve.ts'
export type { Solution, Solutions, SolveOptions } from './solver/solve.ts'
export { vertex } from './solver/vertex.ts'
export { IgnoreRules, parseIgnoreFile } from './source/ignore.ts'
export { exported } from './export/reported.ts'
export { placeOf, readGiven } from './remembered/given.ts'
export { readsTheSame } from './remembered/reads.ts'
export { tellCached } from './remembered/solved.ts'
export { RememberedBuilds } from './remembered/table.ts'
export type { Given, SolvedBuild } from './remembered/types.ts'
export { forgetSteps } from './why/table.ts'
export type { StepChange, StepReason } from './why/types.ts'
