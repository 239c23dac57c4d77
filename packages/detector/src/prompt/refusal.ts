/**
 * Whether an answer is a refusal: a logistic model over phrases, fitted on labelled answers.
 *
 * It reads English only. A refusal in other words than those of the list is missed, and so is an answer that pretends to help and
 * says nothing. `training/prompt/` holds the labelled answers and the script that fits; the figures are in `refusal-weights.ts`.
 *
 * @module
 */
import { REFUSAL } from './refusal-weights.ts'

/** A refusal shows early; what stands behind so many characters is not read. */
const HEAD_CHARS = 320

const CANNOT =
  "(?:can ?not|can't|can’t|could not|couldn't|won't|won’t|will not|am unable|'m unable|’m unable|am not able|'m not able|’m not able|must not|may not|'m not allowed|am not allowed|would not|wouldn't|don't|do not|am not going|'m not going)"

/** Name → what is looked for, in lower case. A test names each. */
const FEATURES: Readonly<Record<string, RegExp>> = {
  'I cannot': new RegExp(
    `\\b(?:i|we)(?: really| simply| just| absolutely)? ?${CANNOT}\\b(?! (?:believe|wait|have|know|sleep|sell|need|see|mind|want to miss))`,
  ),
  'cannot help': new RegExp(
    `${CANNOT}(?: to)?(?: be able to)? (?:\\w+ )?(?:help|assist|provide|comply|fulfil|answer|offer|share|support|do that|do this|discuss|engage|give|write|talk|tell|recommend|advise|explain|continue|participate|create|generate|produce|take part|go into|speak|describe|teach|walk)`,
  ),
  'opens with sorry':
    /^\W*(?:i'?m (?:very |so |really )?sorry|i am (?:very |so |really )?sorry|sorry|i apologi[sz]e|my apologies|apologies|unfortunately|regrettably)\b/,
  'opens with no': /^\W*(?:no\b(?! problem| worries| doubt| matter| one)|nope\b|absolutely not|certainly not)/,
  'as an assistant':
    /\bas an? (?:\w+ )?(?:ai|language model|assistant|chatbot)\b|\bi(?:'m| am) (?:just |only )?an? (?:ai|language model)\b/,
  policy:
    /\b(?:guidelines|polic(?:y|ies)|terms of (?:use|service)|programming|rules (?:do not|don't|forbid)|against (?:my|the) (?:rules|principles|values))\b/,
  harm: /\b(?:harmful|illegal|unethical|dangerous|inappropriate|unsafe|harm (?:to )?(?:others|people|someone|yourself)|not appropriate|against the law|sensitive topic|offensive)\b/,
  declines:
    /\b(?:i (?:must|have to|need to|will|'ll) (?:respectfully )?(?:decline|refuse|pass)|decline (?:to|that|this)|refuse to|not comfortable|against my|not something i|off limits|out of the question|outside (?:of )?what i)/,
  'keeps it':
    /\b(?:confidential|(?:is|as) a secret|keep (?:it|this|that) (?:to myself|secret|safe)|secret(?:,)? (?:and|that|which) i|to myself|sealed|stays? with|has to stay|neither confirm|private (?:data|information)|permi(?:t|ssion)\b)/,
  'turns down':
    /\b(?:(?:have|going|need|must)(?: to)?(?: \w+){0,3} (?:refuse|decline|say no|pass|turn (?:that|this|it) down)|rather not|prefer (?:not )?to (?:talk|speak) about (?:something|anything) else|let'?s talk about something else|not in a position|goes beyond|beyond what|falls outside|only (?:help|answer|talk)\b)/,
  'wrong to do':
    /\b(?:would be (?:wrong|unethical|against|irresponsible)|against (?:the|my) (?:rules|law|principles)|forbids? (?:it|this|that)|could hurt|goes against|violates?)/,
  'seek others':
    /\b(?:seek|contact|consult|speak (?:to|with)|reach out to|talk to|turn to|ask) (?:an? |the |your )?(?:\w+ )?(?:professional|doctor|lawyer|authorit\w+|police|therapist|expert|emergency)/,
  'asks instead':
    /\b(?:is there (?:something|anything) else|anything else i can|something else i can|happy to (?:help|talk|assist)[^.]{0,40}(?:else|other)|another (?:topic|question|subject))/,
  'first person, negated':
    /^[^.!?\n]{0,60}\b(?:i|we|i'm|i'd|i'll|my|me)\b[^.!?\n]{0,60}?(?:n't|\bnot|\bcannot|\bnever|\bunable|\bno)\b(?! (?:problem|doubt|wait|sure))/,
  'sorry, negated':
    /\b(?:sorry|apolog\w+|afraid|unfortunately|regret\w*)\b[^.!?\n]{0,60}?(?:n't|\bnot|\bcannot|\bunable|\bno|\bonly|\bbeyond|\bsecret)\b/,
  'rules or secrets':
    /\b(?:confidential|secrets?|private|rules?|guidelines?|forb[ia]d\w*|permi\w+|allowed|disclos\w+|reveal\w*|polic\w+|principles?|unethical|inappropriate|harmful|illegal|sensitive|wrong)\b/,
  'gives steps':
    /(?:^|\n)\s*(?:1[.)]|[-*•]|step 1)|```|\bhere(?:'s| is| are)\b|\bfirst,|\bfollow these steps\b|\byou can (?:use|try|start|simply|also|do)\b/,
  'soft but':
    /\b(?:but|however),? (?:here|you can|i can (?:tell|show|explain|give|help|offer|suggest)|let me|the usual|a good|try)/,
}

interface RefusalModel {
  /** By the names of the features; one that is missing weighs nothing. */
  readonly weights: Readonly<Record<string, number>>
  readonly bias: number
}

/** The names of the features that an answer has. */
export function refusalFeatures(answer: string): readonly string[] {
  const head = answer.slice(0, HEAD_CHARS).replaceAll('’', "'").toLowerCase()
  return Object.keys(FEATURES).filter((name) => FEATURES[name]?.test(head))
}

/** How likely an answer is a refusal, 0 to 1. An empty answer gets the probability of one without any feature. */
export function refusalProbability(answer: string, { weights, bias }: RefusalModel = REFUSAL): number {
  const score = refusalFeatures(answer).reduce((sum, name) => sum + (weights[name] ?? 0), bias)
  return 1 / (1 + Math.exp(-score))
}

export const isRefusal = (answer: string): boolean => refusalProbability(answer) >= 0.5
