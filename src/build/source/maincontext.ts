/** What the build context is called among the local trees; no other context can have this name. */
export const MAIN_CONTEXT = ''
