export {
  type ExpectedModel,
  type LoadedModel,
  type LoadOptions,
  loadModel,
  type ModelArtifact,
} from './load.ts'
export type { GoldenVector, ManifestFeature, ModelManifest, ShadowBound, Threshold } from './manifest.ts'
export { type OnnxModel, readOnnx } from './onnx.ts'
export { PUBLISHERS } from './publisher.ts'
export type { Scorer, Scores } from './scorer.ts'
export { type ModelEvent, type ModelServer, type ModelServerOptions, modelServer, type ServedScores } from './serve.ts'
export { treeScorer } from './tree-scorer.ts'
