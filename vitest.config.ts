import { defineConfig } from 'vitest/config'

export default defineConfig({
  // What the example of an own service imports, as the tests import it.
  resolve: {
    alias: {
      'tacit/client': new URL('client/public.ts', import.meta.url).pathname,
      'tacit/runtime': new URL('runtime/public.ts', import.meta.url).pathname,
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
})
