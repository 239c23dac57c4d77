import { readChatRequest } from '../../../packages/cli/src/proxy/chat-request.ts'
import { ProxyError } from '../../../packages/cli/src/proxy/error.ts'
import { jsonOf } from '../mutate/json.ts'
import { promise, type Target } from '../target.ts'
import { utf8 } from '../vector.ts'

/** The body of a chat completion that a client of the proxy sends. */
export const target: Target = {
  name: 'chat-request',
  inputs: 50_000,
  codes: ['invalid_value', 'unsupported_parameter'],
  covers: ['cli/proxy/chat-request.ts readChatRequest'],
  async open() {
    const messages = [{ role: 'user', content: 'hi' }]
    const seeds = [
      { model: 'm', messages, stream: true, stream_options: { include_usage: true }, temperature: 0.5, top_p: 0.9 },
      {
        model: 'm',
        messages: [{ role: 'developer', content: [{ type: 'text', text: 'a' }] }, ...messages],
        stop: ['x'],
        seed: 1,
      },
      {
        model: 'm',
        messages,
        max_tokens: 5,
        n: 1,
        tools: [],
        user: 'u',
        response_format: { type: 'text' },
        logit_bias: {},
        modalities: ['text'],
      },
    ]
    return {
      manner: 'json',
      seeds: seeds.map((each) => utf8(JSON.stringify(each))),
      run(input) {
        try {
          const request = readChatRequest(jsonOf(input))
          promise(
            request.messages.every(({ content }) => typeof content === 'string'),
            'a message without a text',
          )
          return 'ok'
        } catch (error) {
          if (error instanceof ProxyError && error.status === 400) return error.code
          throw error
        }
      },
    }
  },
}
