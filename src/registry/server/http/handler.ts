import { deleteBlob, digestParameter, getBlob } from './blobs.ts'
import { listReferrers, listRepositories, listTags } from './listings.ts'
import { deleteManifest, getManifest, putManifest } from './manifests.ts'
import { refuse } from './refusal.ts'
import type { Route } from './route.ts'
import type { Exchange, Service } from './service.ts'
import { beginUpload, cancelUpload, continueUpload, finishUpload, uploadStatus } from './uploads.ts'

type Handler = (service: Service, exchange: Exchange) => Promise<Response>
export type Action = 'pull' | 'push' | 'delete'

/** How to answer a method on a route, and what the caller must be allowed to do. */
export interface Answer {
  readonly handler: Handler
  /** Undefined where knowing the server is enough. */
  readonly action?: Action
}

/** The answers of each kind of route by method. HEAD is GET without its body. */
export function answerOf(route: Route, method: string): Answer {
  const answers = answersOf(route)
  const answer = answers[method === 'HEAD' && answers.HEAD === undefined ? 'GET' : method]
  if (answer && Object.hasOwn(answers, method === 'HEAD' ? 'GET' : method)) return answer
  const allow = Object.keys(answers).flatMap((m) => (m === 'GET' ? ['GET', 'HEAD'] : [m]))
  return refuse('UNSUPPORTED', `${method} is not possible here`, { headers: { allow: allow.join(', ') } })
}

function answersOf(route: Route): Readonly<Record<string, Answer>> {
  switch (route.kind) {
    case 'base':
      return { GET: { handler: async () => Response.json({}) } }
    case 'catalog':
      return { GET: { handler: listRepositories } }
    case 'tags':
      return { GET: { action: 'pull', handler: (s, e) => listTags(s, e, route.name) } }
    case 'referrers':
      return { GET: { action: 'pull', handler: (s, e) => listReferrers(s, e, route.name, route.digest) } }
    case 'manifest':
      return {
        GET: { action: 'pull', handler: (s, e) => getManifest(s, e, route.name, route.reference) },
        PUT: { action: 'push', handler: (s, e) => putManifest(s, e, route.name, route.reference) },
        DELETE: { action: 'delete', handler: (s, e) => deleteManifest(s, e, route.name, route.reference) },
      }
    case 'blob':
      return {
        GET: { action: 'pull', handler: async (s, e) => getBlob(s, e, route.name, digestParameter(route.digest)) },
        DELETE: {
          action: 'delete',
          handler: async (s, e) => deleteBlob(s, e, route.name, digestParameter(route.digest)),
        },
      }
    case 'uploads':
      return { POST: { action: 'push', handler: (s, e) => beginUpload(s, e, route.name) } }
    case 'upload':
      return {
        GET: { action: 'push', handler: (s) => uploadStatus(s, route.name, route.id) },
        PATCH: { action: 'push', handler: (s, e) => continueUpload(s, e, route.name, route.id) },
        PUT: { action: 'push', handler: async (s, e) => finishUpload(s, e, route.name, route.id) },
        DELETE: { action: 'push', handler: (s) => cancelUpload(s, route.name, route.id) },
      }
  }
}
