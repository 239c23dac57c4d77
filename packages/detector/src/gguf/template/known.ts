/**
 * Chat templates as their publishers have them, by hash. The texts are not here, and need not be.
 *
 * Source: https://github.com/ggml-org/llama.cpp at c392e50, `models/templates/`, and the model of this project's demo.
 *
 * @module
 */

const KNOWN: readonly (readonly [model: string, sha256: string])[] = [
  ['CohereForAI/c4ai-command-r-plus-tool_use', 'aa9ef691d4049f109496f3ce9e2bd022946c16d50e35dd94f3bd740031433946'],
  ['CohereForAI/c4ai-command-r7b-12-2024-tool_use', '0c3f266d86f93a1f50f1573648ba005cb9691ff176c2cfd7ca1a0a33fd7023ec'],
  ['NousResearch/Hermes-2-Pro-Llama-3-8B-tool_use', 'ce62e308475b364e1fc76699dccbddeb9ac08344f90d59719dba86a9922834d9'],
  ['NousResearch/Hermes-3-Llama-3.1-8B-tool_use', 'ce62e308475b364e1fc76699dccbddeb9ac08344f90d59719dba86a9922834d9'],
  ['Qwen/Qwen2.5-7B-Instruct', '55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a'],
  ['deepseek-ai/DeepSeek-R1-Distill-Llama-8B', '56a1447ad31926fdc21fb07e56e5642bd9c850c4f52d8c8af7bbe5f079a84f5f'],
  ['deepseek-ai/DeepSeek-R1-Distill-Qwen-32B', '56a1447ad31926fdc21fb07e56e5642bd9c850c4f52d8c8af7bbe5f079a84f5f'],
  ['fireworks-ai/llama-3-firefunction-v2', '008dbfcb139c3513a6f3a3fe810ed9a6b75b5254716f00a2369c1375c791b049'],
  ['google/gemma-2-2b-it', 'ecd6ae513fe103f0eb62e8ab5bfa8d0fe45c1074fa398b089c93a7e70c15cfd6'],
  ['llama-cpp/deepseek-r1', '05549dad28b85aa1be36d9c625be27377b4101c115686830f79a994adb687822'],
  ['meetkai/functionary-medium-v3.1', 'b2b7d1a2ff8344254daa5bc2f59a9182994806e94fdc191fe92b4a0693d8cb68'],
  ['meetkai/functionary-medium-v3.2', '5c7c96c27cfecf3418411d1ebd0d11d691ab6bd2155bb38dacc62250fe47c3c8'],
  ['meta-llama/Llama-3.1-8B-Instruct', '93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7'],
  ['meta-llama/Llama-3.2-3B-Instruct', 'd82792f95932f1c9cef5c4bd992f171225e3bf8c7b609b4557c9e1ec96be819f'],
  ['meta-llama/Llama-3.3-70B-Instruct', '93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7'],
  ['microsoft/Phi-3.5-mini-instruct', '78d976a442bcde2f0be15aafbb8e3050e1104f86732266f68403251b89982a90'],
  ['mistralai/Mistral-Nemo-Instruct-2407', 'e7deee034838db2bfc7487788a3013d8a307ab69f72f3c54a85f06fd76007d4e'],
]

/** SHA-256, in hex, of the template with its line ends as LF and without white space around it. */
export async function templateHash(template: string): Promise<string> {
  const bytes = new TextEncoder().encode(template.replaceAll('\r\n', '\n').trim())
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The model, or one of the models, whose publisher has exactly this template. */
export const knownTemplate = (hash: string): string | undefined => KNOWN.find(([, sha256]) => sha256 === hash)?.[0]

/** Whether a template is known of a model that a file says it is. */
export function hasKnownTemplate(name: string): string | undefined {
  const wanted = plain(name)
  return KNOWN.find(([model]) => plain(model.slice(model.indexOf('/') + 1)) === wanted)?.[0]
}

/** Without white space, dashes and capitals: files and publishers differ in them. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '')
