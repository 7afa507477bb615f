/** Kept equal to package.json by a test: reading that file would cost a start. */
export const VERSION = '0.1.0'
