/**
 * `weave detector`: its models and thresholds, and a new model for it.
 *
 * @module
 */
import { resolve } from 'node:path'
import { askAdmin } from '../admin/client.ts'
import type { DetectorDocument } from '../admin/findings.ts'
import { type Call, type Command, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { stateFolder } from '../state.ts'
import { columns, printable } from '../terminal.ts'
import type { ModelState } from '../up/detector-models.ts'

export const detector: Command = {
  name: 'detector',
  summary:
    'Show the models and thresholds of the detector of the weave up in the state folder, or hand it a new model, which ' +
    'serves once it was verified and agrees with the old one on live rows.',
  usage: ['show', 'reload FOLDER'],
  settings: ['state'],
  examples: [
    ['weave detector show', 'which versions serve, and how far feedback has moved each threshold'],
    ['weave detector reload ./l7', 'a folder with model.onnx, manifest.json and manifest.sig; 1 when it is refused'],
  ],
  async run(call) {
    const [action, folder, ...rest] = call.args
    if (action === 'show' && folder === undefined) return show(call)
    if (action === 'reload' && folder !== undefined && rest.length === 0) return reload(call, resolve(folder))
    throw new UsageError(['weave detector takes show, or reload with a folder. See weave detector --help.'])
  },
}

const stateOf = ({ id, version, candidate }: ModelState) => [
  printable(id),
  version === undefined ? 'none serves' : `version ${version} serves`,
  candidate === undefined ? '' : `version ${candidate} in its shadow`,
]

async function show({ config, terminal, json }: Call): Promise<number> {
  const document = await askAdmin<DetectorDocument>(stateFolder(config.state), 'GET', '/detector')
  if (json) {
    terminal.out(toJson(document))
    return EXIT_CODES.ok.code
  }
  if (document.models.length === 0) terminal.err('No models: rules alone.\n')
  terminal.out(columns(document.models.map(stateOf)))
  const thresholds = document.thresholds.map(({ name, at, standard, least, most }) => [
    printable(name),
    String(at),
    `by the manifest ${standard}, within ${least} to ${most}`,
  ])
  terminal.out(columns(thresholds))
  return EXIT_CODES.ok.code
}

async function reload({ config, terminal, json }: Call, folder: string): Promise<number> {
  const state = await askAdmin<ModelState>(stateFolder(config.state), 'POST', '/detector/models', { folder })
  terminal.out(json ? toJson(state) : columns([stateOf(state)]))
  return EXIT_CODES.ok.code
}
