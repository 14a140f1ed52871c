/** `tacit context add | use | list | show | remove`: platforms under names of the user's own. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { defined, Refusal } from '../../../messages/index.ts'
import { choosePlatform } from '../platform/chosen_platform.ts'
import type { StoredContext } from '../platform/context_store.ts'
import { ContextStore, pinManifest, readPinned } from '../platform/context_store.ts'
import type { PartyContext } from '../platform/party.ts'
import { removeSessions } from '../platform/session_store.ts'

interface AddOptions {
  user?: string
  tokenFile?: string
  replace: boolean
}

export function addContextCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const context = program
    .command('context')
    .description('platforms under names: their address, and the manifest you pin')
  context
    .command('add <name>')
    .usage('<name> --nats <url> --manifest <file> [options]')
    .description('keep a platform under a name, and pin its manifest (--nats, --manifest) by its digest')
    .option('--user <id>', 'speak as this user unless told')
    .option('--token-file <file>', "keep that user's session here, instead of the configuration folder")
    .option('--replace', 'change what there is, and pin the manifest anew; what is not given stays', false)
    .action(async (name: string, options: AddOptions, command: Command) => {
      const { output, homeFolder, options: globals } = contextOf(command)
      const contexts = new ContextStore(homeFolder)
      const before = options.replace ? await contexts.find(name) : undefined
      const nats = globals.nats ?? before?.nats
      const manifest = globals.manifest ?? before?.manifest
      if (nats === undefined || manifest === undefined) {
        throw new Refusal('invalid_request', 'a context needs an address and a manifest', {
          hint: 'give --nats <url> and --manifest <file>',
        })
      }
      const user = options.user ?? before?.user
      const tokenFile = options.tokenFile === undefined ? before?.token_file : resolve(options.tokenFile)
      if (tokenFile !== undefined && user === undefined) {
        throw new Refusal('invalid_request', 'a token file is of one user', { hint: 'give --user <id> with it' })
      }
      const fresh: StoredContext = {
        nats,
        ...(await pinManifest(resolve(manifest))),
        ...defined({ user, token_file: tokenFile }),
      }
      await contexts.write(name, fresh, options.replace)
      output.result({ context: { name, ...fresh } }, [
        `${before === undefined ? 'added' : 'replaced'} ${name}: ${nats}`,
        `  manifest ${fresh.manifest_digest}: compare this with what the operator publishes`,
      ])
      if ((await contexts.inUse()) !== name) output.say(`"tacit context use ${name}" has commands speak to it`)
    })
  context
    .command('use [name]')
    .description('have commands speak to this platform')
    .option('--none', 'have them speak to the deployment on this machine again', false)
    .action(async (name: string | undefined, options: { none: boolean }, command: Command) => {
      const { output, homeFolder } = contextOf(command)
      if ((name === undefined) !== options.none) {
        throw new Refusal('invalid_request', 'say which context', { hint: 'give its name, or --none' })
      }
      await new ContextStore(homeFolder).use(name)
      output.result({ context: name ?? null }, [
        name === undefined ? 'commands speak to the deployment in ./.tacit' : `commands speak to ${name}`,
      ])
    })
  context
    .command('list')
    .description('the contexts, and which is in use')
    .action(async (_options: object, command: Command) => {
      const { output, homeFolder } = contextOf(command)
      const contexts = new ContextStore(homeFolder)
      const inUse = await contexts.inUse()
      const found = await Promise.all(
        (await contexts.list()).map(async (name) => ({ name, in_use: name === inUse, ...(await contexts.read(name)) })),
      )
      output.result(
        { contexts: found },
        found.map(({ name, in_use, nats, user }) =>
          [in_use ? '*' : ' ', name, nats, ...(user === undefined ? [] : [`as ${user}`])].join('  '),
        ),
      )
    })
  context
    .command('show [name]')
    .description(
      'a context (the one that commands take now, unless named), and whether its manifest is as it was pinned',
    )
    .action(async (given: string | undefined, _options: object, command: Command) => {
      const context = contextOf(command)
      const { output, homeFolder } = context
      const contexts = new ContextStore(homeFolder)
      const name = given ?? (await choosePlatform(context)).context
      if (name === undefined) {
        return output.result({ context: null }, ['no context is in use: commands speak to the deployment in ./.tacit'])
      }
      const found = await contexts.read(name)
      const manifest_state = await stateOfManifest(name, found)
      const { nats, manifest, manifest_digest, user, token_file } = found
      output.result({ context: { name, in_use: name === (await contexts.inUse()), ...found, manifest_state } }, [
        `${name}: ${nats}`,
        `  manifest ${manifest}, ${manifest_state}`,
        `  pinned as ${manifest_digest}`,
        ...(user === undefined ? [] : [`  speaks as ${user}`]),
        ...(token_file === undefined ? [] : [`  session in ${token_file}`]),
      ])
    })
  context
    .command('remove <name>')
    .description('forget a context, and the sessions that were kept for it')
    .action(async (name: string, _options: object, command: Command) => {
      const { output, homeFolder } = contextOf(command)
      await new ContextStore(homeFolder).remove(name)
      await removeSessions(homeFolder, name)
      output.result({ context: name, removed: true }, [`removed ${name}`])
    })
}

async function stateOfManifest(name: string, context: StoredContext): Promise<'as pinned' | 'changed' | 'missing'> {
  try {
    await readPinned(name, context)
    return 'as pinned'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return error.code === 'platform_untrusted' ? 'changed' : 'missing'
  }
}
