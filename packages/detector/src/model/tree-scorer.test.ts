import { describe } from 'vitest'
import { readOnnx } from './onnx.ts'
import { scorerContract } from './scorer.contract.ts'
import { treeScorer } from './tree-scorer.ts'

describe('treeScorer', () => {
  scorerContract(async (bytes) => treeScorer(readOnnx(bytes)), 400)
})
