export type { Image, Layer, OpenedImage } from './types.ts'
