// What tests need from the machine and never fetch themselves. Runs before anything is installed, so plain JavaScript.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const onPath = (names) => {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(folder, name), constants.X_OK)
        return join(folder, name)
      } catch {
        // Not here: the next folder.
      }
    }
  }
  return undefined
}

const aptInstall = (name, say) => {
  if (process.getuid?.() !== 0 || onPath(['apt-get']) === undefined) return
  say(`installing ${name} with apt-get`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (args) => spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 2] }).status === 0
  const install = ['install', '-y', '-qq', '--no-install-recommends', name]
  if (!apt(install)) apt(['update', '-qq']) && apt(install)
}

/** Environment name that tells tests where the program is → how to find it and how to get it. */
const PROGRAMS = {
  WEAVE_CHROMIUM: {
    names: ['chromium', 'chromium-browser', 'google-chrome'],
    apt: 'chromium',
    use: 'the browser tests',
  },
}

/**
 * Finds or installs every program of the table and returns the environment names that point to them. A missing one
 * ends the run in CI; elsewhere it is said, and the tests that need it say so again.
 */
export const prepare = ({ say, fail, ci }) => {
  const found = {}
  for (const [variable, { names, apt, use }] of Object.entries(PROGRAMS)) {
    let path = process.env[variable] ?? onPath(names)
    if (path === undefined) {
      aptInstall(apt, say)
      path = onPath(names)
    }
    if (path !== undefined) found[variable] = path
    else if (ci) fail(`Cannot run ${use}: no ${names[0]} on this machine, wanted one (apt-get install ${apt}).`)
    else say(`no ${names[0]} on this machine: ${use} will fail; install it or set ${variable}`)
  }
  return found
}
