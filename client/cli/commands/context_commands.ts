/** `tacit context add | use | list | show | remove`: platforms under names that the user chose. */
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
    .description('platforms under names of your choice: their address, and the manifest that you trust')
  context
    .command('add <name>')
    .usage('<name> --nats <url> --manifest <file> [options]')
    .description('keep a platform (--nats, --manifest) under a name, and pin its manifest by its digest')
    .option('--user <id>', 'the user that commands speak as, unless they name another')
    .option('--token-file <file>', "keep that user's session in this file, instead of the configuration folder")
    .option(
      '--replace',
      'change an existing context, and pin its manifest anew; what you do not give stays as it is',
      false,
    )
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
        throw new Refusal('invalid_request', 'a token file belongs to one user', { hint: 'give --user <id> with it' })
      }
      const fresh: StoredContext = {
        nats,
        ...(await pinManifest(resolve(manifest))),
        ...defined({ user, token_file: tokenFile }),
      }
      await contexts.write(name, fresh, options.replace)
      output.result({ context: { name, ...fresh } }, [
        `${before === undefined ? 'added' : 'replaced'} ${name}: ${nats}`,
        `  manifest ${fresh.manifest_digest}: compare this with the digest that the operator publishes`,
      ])
      if ((await contexts.inUse()) !== name) output.say(`run "tacit context use ${name}" to speak to it from now on`)
    })
  context
    .command('use [name]')
    .description('choose the platform that commands speak to from now on')
    .option('--none', 'choose the deployment on this machine again', false)
    .action(async (name: string | undefined, options: { none: boolean }, command: Command) => {
      const { output, homeFolder } = contextOf(command)
      if ((name === undefined) !== options.none) {
        throw new Refusal('invalid_request', 'the name of the context is missing, or is given with --none', {
          hint: 'give a name, or --none',
        })
      }
      await new ContextStore(homeFolder).use(name)
      output.result({ context: name ?? null }, [
        name === undefined ? 'commands speak to the deployment in ./.tacit' : `commands speak to ${name}`,
      ])
    })
  context
    .command('list')
    .description('list your contexts, and say which one is in use')
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
    .description('show a context, by default the one in use, and whether its manifest is still the pinned one')
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
    .description('remove a context and its sessions from this machine')
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
