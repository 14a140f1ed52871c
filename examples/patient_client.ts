/**
 * How a program copes with refusals: it tells them apart by their codes, tries again what may succeed later, creates
 * nothing twice however often it is started, and gives up in time. The user must be allowed to create tasks, and to use
 * the function.
 *
 *     node dist/examples/patient_client.js <nats url> <manifest file> <user> <password file> <function id>
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRefusal, isRetryable, TacitConnection, watchTask } from 'tacit/client'

const [url = '', manifestPath = '', user = '', passwordPath = '', function_id = ''] = process.argv.slice(2)
const manifest = await readFile(manifestPath, 'utf8')
const password = (await readFile(passwordPath, 'utf8')).trimEnd()
/** Handed to every call below, which ends with `canceled` when it aborts. */
const signal = AbortSignal.timeout(60_000)

/**
 * Repeats a call that was refused for now, each time a little later. The SDK itself repeats calls that got no answer.
 */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call()
    } catch (error) {
      if (!isRetryable(error) || attempt === 5) throw error
      await sleep(100 * 2 ** attempt, undefined, { signal })
    }
  }
}

try {
  await using tacit = await patiently(() => TacitConnection.open({ url, manifest, signal }))
  const session = await tacit.login(user, password, { signal })
  const api = tacit.as(session)

  // The same key gives the same task, also to a second run of this program after the first was killed.
  const request = { function_id, options: { idempotency_key: 'patient-client-1' } }
  const { task_id } = await patiently(() => api.create_task(request, { signal }))

  try {
    await patiently(() => api.invoke_task({ task_id }, { signal }))
  } catch (error) {
    // An earlier run of this program has already invoked it.
    if (!isRefusal(error, 'not_ready', 'task_ended')) throw error
    process.stdout.write(`it was invoked already: ${error.message}\n`)
  }

  // The last version seen is all that another process needs to continue this watch.
  let seen = 0
  for await (const change of watchTask(api, task_id, { afterVersion: seen, signal })) {
    seen = change.version
    process.stdout.write(`${change.state}, version ${seen}: ${change.reason}\n`)
  }

  // A refusal says what is wrong by its code and field; its text is for people.
  const nowhere = { task_id: 'task-00000000-0000-4000-8000-000000000000' }
  const refusal: unknown = await api.get_task(nowhere, { signal }).catch((error: unknown) => error)
  if (!isRefusal(refusal, 'not_found')) throw refusal
  process.stdout.write(`refused with ${refusal.code}, advice ${refusal.advice}\n`)
} catch (error) {
  if (isRefusal(error, 'wrong_credentials')) throw new Error(`${user} has another password`, { cause: error })
  if (isRefusal(error, 'platform_untrusted'))
    throw new Error('this is not the platform of the manifest', { cause: error })
  if (isRefusal(error, 'canceled')) throw new Error('it took more than a minute', { cause: error })
  throw error
}
