// Before every test file. Property tests take their seed from here: the same for everybody, so that
// a red run is red again. CAIRN_SEED=random (or a number) explores.
import fc from 'fast-check'

const wanted = process.env.CAIRN_SEED ?? '20260923'
fc.configureGlobal(wanted === 'random' ? {} : { seed: Number(wanted) })
