import { defineConfig } from 'vitest/config';

/** The suite against real servers; `test/real/run` starts them and this inside their network. */
export default defineConfig({
  test: {
    include: ['test/real/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
