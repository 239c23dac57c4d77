import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checkImports } from './check.ts'
import { PACKAGES } from './rules.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'weave-imports-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SDK_EXPORTS = {
  './errors': { '@mystranet/source': './src/errors.ts', default: './dist/errors.js' },
  './packet/seal': { '@mystranet/source': './src/packet/seal.ts', default: './dist/packet/seal.js' },
}

/** A workspace in small that keeps every rule. Most imports are relative: where they lead is what the rules look at. */
const CLEAN: Readonly<Record<string, string>> = {
  'packages/schemas/src/codes.ts': 'export const codes = 1',
  'packages/schemas/src/messages.ts': "import '@bufbuild/protobuf'",
  'packages/sdk/package.json': JSON.stringify({ name: '@mystranet/sdk', exports: SDK_EXPORTS }),
  'packages/sdk/src/errors.ts': "import '../../schemas/src/codes.ts'\nexport const error = 1",
  'packages/sdk/src/packet/seal.ts': "import '../errors.ts'\nexport const seal = 1",
  'packages/sdk/src/packet/open.ts': "import '../errors.ts'\nexport const open = 1",
  'packages/sdk/src/stream/frame.ts': "import '../errors.ts'\nexport const frame = 1",
  'packages/sdk/src/keys/hpke.ts': 'export const hpke = 1',
  'packages/sdk/src/proof/leaf.ts': "import '../errors.ts'\nexport const leaf = 1",
  'packages/sdk/src/client.ts': "import './packet/seal.ts'\nexport const client = 1",
  'packages/sdk/src/index.ts': "export { client } from './client.ts'",
  'packages/sdk/src/adapters/node/files.ts': "import 'node:fs'",
  'packages/sdk/src/packet/seal.test.ts': "import 'node:assert'\nimport './seal.ts'",
  'packages/detector/src/rule.ts': "import '../../sdk/src/errors.ts'",
  'packages/router/src/dispatch.ts':
    "import '../../sdk/src/proof/leaf.ts'\nimport '@mystranet/sdk/errors'\nimport 'node:fs'",
  'packages/router/src/dispatch.test.ts': "import '../../sdk/src/packet/seal.ts'\nimport './dispatch.ts'",
  'packages/agent/src/adapters/llama.ts': "import 'node-llama-cpp'",
  'packages/cli/src/main.ts': "import '../../router/src/dispatch.ts'\nimport '../../sdk/src/index.ts'",
  'node_modules/@bufbuild/protobuf/package.json': '{ "name": "@bufbuild/protobuf", "main": "dist/index.js" }',
  'node_modules/@bufbuild/protobuf/dist/index.js': '',
  'node_modules/node-llama-cpp/package.json': '{ "name": "node-llama-cpp", "main": "dist/index.js" }',
  'node_modules/node-llama-cpp/dist/index.js': '',
}

let trees = 0
const violationsOf = async (over: Readonly<Record<string, string>>) => {
  const root = join(folder, String(trees++))
  for (const [path, text] of Object.entries({ ...CLEAN, ...over })) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), `${text}\n`)
  }
  // As pnpm links a package of the workspace into one that depends on it.
  await mkdir(join(root, 'packages/router/node_modules/@mystranet'), { recursive: true })
  await symlink(join(root, 'packages/sdk'), join(root, 'packages/router/node_modules/@mystranet/sdk'))
  return (await checkImports(root)).violations
}

describe('the import rules, over this workspace', () => {
  it('holds no forbidden import', async () => {
    const { files, violations } = await checkImports(ROOT)
    expect(violations.map((v) => `${v.rule}: ${v.from} → ${v.to}. ${v.comment}`)).toEqual([])
    expect(files).toBeGreaterThan(Object.keys(PACKAGES).length)
  })
})

describe('the import rules, over a planted violation', () => {
  it('finds nothing to say about a tree that keeps them', async () => {
    expect(await violationsOf({})).toEqual([])
  })

  const PLANTED: readonly (readonly [rule: string, what: string, tree: Readonly<Record<string, string>>])[] = [
    ['router-cannot-open', 'seals a packet', { 'packages/router/src/a.ts': "import '../../sdk/src/packet/seal.ts'" }],
    ['router-cannot-open', 'opens a packet', { 'packages/router/src/a.ts': "import '../../sdk/src/packet/open.ts'" }],
    ['router-cannot-open', 'seals frames', { 'packages/router/src/a.ts': "import '../../sdk/src/stream/frame.ts'" }],
    ['router-cannot-open', 'takes the client', { 'packages/router/src/a.ts': "import '../../sdk/src/client.ts'" }],
    ['router-cannot-open', 'takes the whole SDK', { 'packages/router/src/a.ts': "import '../../sdk/src/index.ts'" }],
    ['router-cannot-open', 'takes HPKE', { 'packages/router/src/a.ts': "import '../../sdk/src/keys/hpke.ts'" }],
    [
      'router-cannot-open',
      'by its package name',
      { 'packages/router/src/a.ts': "import '@mystranet/sdk/packet/seal'" },
    ],
    [
      'router-cannot-open',
      'reaches a seal three imports away, through a type too',
      {
        'packages/router/src/a.ts': "import './b.ts'",
        'packages/router/src/b.ts': "import '../../detector/src/c.ts'",
        'packages/detector/src/c.ts':
          "import type { seal } from '../../sdk/src/packet/seal.ts'\nexport type S = typeof seal",
      },
    ],
    [
      'portable',
      'node: in the SDK',
      { 'packages/sdk/src/proof/a.ts': "import { readFileSync } from 'node:fs'\nreadFileSync" },
    ],
    ['portable', 'node: in the schemas', { 'packages/schemas/src/a.ts': "import 'node:buffer'" }],
    ['portable', 'a built-in without its prefix', { 'packages/detector/src/a.ts': "import 'crypto'" }],
    ['portable', 'a dynamic import', { 'packages/sdk/src/a.ts': "export const f = () => import('node:fs')" }],
    ['edge-is-portable', 'node: in the edge', { 'packages/router/src/edge/a.ts': "import 'node:fs'" }],
    ['edge-is-portable', 'node: in its HTTP', { 'packages/router/src/http/a.ts': "import 'node:buffer'" }],
    [
      'edge-parts',
      'reaches a part that is not portable, two imports away',
      {
        'packages/router/src/edge/a.ts': "import '../app.ts'",
        'packages/router/src/app.ts': "import './nexus.ts'",
        'packages/router/src/nexus.ts': 'export const nexus = 1',
      },
    ],
    ['one-door-per-vendor', 'protobuf outside schemas', { 'packages/sdk/src/a.ts': "import '@bufbuild/protobuf'" }],
    ['one-door-per-vendor', 'llama in the loop', { 'packages/agent/src/loop.ts': "import 'node-llama-cpp'" }],
    [
      'one-door-per-vendor',
      'a vendor that is not even installed',
      { 'packages/router/src/a.ts': "import '@nats-io/jetstream'" },
    ],
    [
      'packages/schemas',
      'schemas imports the SDK',
      { 'packages/schemas/src/a.ts': "import '../../sdk/src/errors.ts'" },
    ],
    [
      'packages/agent',
      'agent imports the router',
      { 'packages/agent/src/a.ts': "import '../../router/src/dispatch.ts'" },
    ],
    [
      'detector-of-sdk',
      'detector takes proofs',
      { 'packages/detector/src/a.ts': "import '../../sdk/src/proof/leaf.ts'" },
    ],
    ['index-is-for-outsiders', 'index from inside', { 'packages/sdk/src/a.ts': "import './index.ts'" }],
    [
      'no-cycles',
      'a cycle',
      { 'packages/cli/src/a.ts': "import './b.ts'", 'packages/cli/src/b.ts': "import './a.ts'" },
    ],
    ['resolvable', 'a path that leads nowhere', { 'packages/cli/src/a.ts': "import './nowhere.ts'" }],
  ]
  it.each(PLANTED)('%s: %s', async (rule, _what, tree) => {
    expect((await violationsOf(tree)).map((v) => v.rule)).toContain(rule)
  })
})
