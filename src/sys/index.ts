export type { BindMount, ErofsMount, Mount, OverlayMount, TmpfsMount } from './types.ts'
