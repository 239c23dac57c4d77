// Guards whose removal changes nothing that anybody can see, each with the reason. They are kept for readers or for the
// type checker, and are left out of the score.
const SHOWN = 'showAnswer() is called only after the checks that set all four: it tells the compiler'

export const EQUIVALENT: Readonly<Record<string, string>> = {
  "packages/sdk/src/proof/saved-answer-json.ts: typeof value === 'string'":
    'fromHex() and fromBase64() give undefined for what is no text: it tells the compiler',
  'packages/sdk/src/proof/show.ts: !open': SHOWN,
  'packages/sdk/src/proof/show.ts: !close': SHOWN,
  'packages/sdk/src/proof/show.ts: !closeContent': SHOWN,
  'packages/sdk/src/proof/show.ts: !answer': SHOWN,
  'packages/sdk/src/proof/show.ts: return undefined': SHOWN,
}
