import { type ChatHistoryItem, JinjaTemplateChatWrapper, type LlamaModel, type Token } from 'node-llama-cpp'
import { EngineError, type Message } from '../engine.ts'

/** Turns messages into the tokens that the model was trained to see, with the chat template of its own file. */
export interface PromptTemplate {
  /**
   * Text of a message never becomes a control token: what looks like one in it is spelled out in plain tokens.
   *
   * @throws {EngineError} `CONTENT_INVALID` for messages that the template cannot express.
   */
  tokenize(messages: readonly Message[]): Token[]
  /** Tokens that end a turn, besides the ones that the model's vocabulary marks. */
  readonly turnEnds: ReadonlySet<Token>
}

export function promptTemplate(model: LlamaModel, chatTemplate: string): PromptTemplate {
  const wrapper = new JinjaTemplateChatWrapper({ template: chatTemplate, tokenizer: model.tokenizer })
  const render = (chatHistory: readonly ChatHistoryItem[]) => wrapper.generateContextState({ chatHistory })
  const sample = render([
    { type: 'user', text: 'x' },
    { type: 'model', response: [''] },
  ])
  const turnEnds = new Set<Token>()
  for (const trigger of sample.stopGenerationTriggers) {
    const [first] = trigger.tokenize(model.tokenizer)
    if (first !== undefined && model.isSpecialToken(first)) turnEnds.add(first)
  }
  return {
    turnEnds,
    tokenize(messages) {
      const history = messages.map(historyItem)
      // An answer that has begun is gone on with; else the model's turn begins.
      if (history.at(-1)?.type !== 'model') history.push({ type: 'model', response: [''] })
      try {
        return render(history).contextText.tokenize(model.tokenizer)
      } catch (error) {
        const roles = messages.map(({ role }) => role).join(', ')
        throw invalid(`the model's chat template has no form for the roles ${roles}`, error)
      }
    },
  }
}

function historyItem({ role, content }: Message): ChatHistoryItem {
  if (role === 'system') return { type: 'system', text: content }
  if (role === 'user') return { type: 'user', text: content }
  if (role === 'assistant') return { type: 'model', response: [content] }
  throw invalid(`a message has the role ${role}, wanted system, user or assistant`)
}

function invalid(state: string, cause?: unknown): EngineError {
  const options = cause === undefined ? undefined : { cause }
  return new EngineError('CONTENT_INVALID', `Cannot make a prompt of the messages: ${state}`, options)
}
