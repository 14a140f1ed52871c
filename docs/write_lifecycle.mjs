/** Writes docs/task_lifecycle.md from the built machine: `npm run build`, then `node docs/write_lifecycle.mjs`. */
import { writeFile } from 'node:fs/promises'
import { lifecyclePage } from '../dist/actors/management/lifecycle/draw_lifecycle.js'

await writeFile(new URL('task_lifecycle.md', import.meta.url), lifecyclePage())
