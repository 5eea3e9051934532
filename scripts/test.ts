import { parseCLI, startVitest, type Reporter } from 'vitest/node';

/**
 * `npm test`: everything that needs neither root nor servers. Arguments are vitest's. Says what it leaves out, and ends with
 * `N passed, N failed` on a line of its own; a file that cannot be loaded and an error outside of all tests count as failures.
 */
const leftOut = `Left out here:
  real servers, which need root on Linux and Go            npm run test:real
  the long exploration, 10^6 states                        npm run check:model -- --states 1000000
`;

const totals: Reporter = {
  onTestRunEnd(modules, errors) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
    const unloaded = modules.flatMap((module) => [module, ...module.children.allSuites()]).reduce((sum, part) => sum + part.errors().length, 0);
    const skipped = tests.filter((test) => test.result().state === 'skipped');
    for (const { module, fullName } of skipped) process.stdout.write(`skipped: ${module.relativeModuleId} > ${fullName}\n`);
    process.stdout.write(`${count('passed')} passed, ${count('failed') + unloaded + errors.length} failed\n`);
  },
};

process.stdout.write(leftOut);
const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
const vitest = await startVitest('test', [...filter], { ...options, watch: false, reporters: ['default', totals] });
await vitest.close();
