// Installs what package-lock.json names when node_modules does not hold it. Plain CommonJS for whatever Node starts npm, from 20 on;
// everything after this runs on the Node that comes with the packages.
'use strict';
const { spawnSync } = require('node:child_process');
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
/** Versions that run TypeScript as it is. */
const needed = 24;

const fail = (message) => {
  process.stderr.write(`set-up: ${message}\n`);
  process.exit(1);
};

const packagesOf = (path) => {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch {
    return undefined;
  }
};

/** Contents rather than times: a checkout makes files new that say the same, and npm writes its two lock files in either order. */
const isInstalled = () => {
  const wanted = packagesOf('package-lock.json');
  const found = packagesOf('node_modules/.package-lock.json');
  if (wanted === undefined) fail('package-lock.json is missing or is not JSON; it belongs to the checkout');
  if (found === undefined) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const one = found[path];
    return one === undefined ? optional === true : one.version === version && one.integrity === integrity;
  });
};

const ownNode = join(root, 'node_modules', '.bin', 'node');
const platform = `${process.platform}-${process.arch}`;
const hasOwnNode = platform === 'linux-x64' || platform === 'linux-arm64';

if (!isInstalled() || (hasOwnNode && !existsSync(ownNode))) {
  process.stdout.write('set-up: npm ci (node_modules does not hold what package-lock.json names)\n');
  const npm = process.env.npm_execpath;
  const options = ['ci', '--ignore-scripts', '--include=optional', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = npm === undefined ? spawnSync('npm', options, { cwd: root, stdio: 'inherit' }) : spawnSync(process.execPath, [npm, ...options], { cwd: root, stdio: 'inherit' });
  if (error !== undefined) fail(`npm could not be started (${error.code}); it comes with Node`);
  if (status !== 0) fail(`npm ci ended with ${status}; nothing was started`);
}

if (!existsSync(ownNode)) {
  if (hasOwnNode) fail(`node_modules/.bin/node is missing after npm ci; the package node-${platform} is optional to npm, so look whether the registry has it`);
  if (Number(process.versions.node.split('.')[0]) < needed) fail(`there is no Node from npm for ${platform}, so the one outside must be ${needed} or newer; it is ${process.versions.node}`);
}
