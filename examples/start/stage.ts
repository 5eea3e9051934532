import { randomBytes } from 'node:crypto';
import type { WrittenConfig } from '../../functions/config.ts';
import type { SandboxRoutes } from '../../functions/http/served.ts';
import type { Sandbox } from '../../infra/cluster/sandbox/sandbox.ts';
import { runDemo } from './cluster.ts';
import { startVisitors, type Visitors } from './visitors.ts';

/** What the story is played on: the demo service in a sandbox, visitors who keep coming, and a registry to push to. */
export interface Stage {
  readonly sandbox: Sandbox;
  /** Where visitors come in. */
  readonly gateway: string;
  /** `host/repository` of the demo service. */
  readonly image: string;
  readonly visitors: Visitors;
  /** Pushes a version of the demo service; its environment says how it behaves. */
  push(tag: string, env?: Readonly<Record<string, string>>): void;
  /** What the page and the command line are told of the sandbox. */
  readonly routes: SandboxRoutes;
  close(): Promise<void>;
}

/** Tokens of this run only; they are never written anywhere but into the session file that the CLI reads. */
export const newTokens = (): { readonly operator: string; readonly hooks: string } => ({ operator: randomBytes(16).toString('hex'), hooks: randomBytes(16).toString('hex') });

/** Who may do what; the tokens themselves are `env:operator` and `env:hooks`. */
export const access = {
  people: { you: { tokens: ['env:operator'], role: 'operator' } },
  sources: { registry: { kind: 'distribution', tokens: ['env:hooks'] }, alertmanager: { kind: 'alertmanager', tokens: ['env:hooks'] } },
} as const satisfies Partial<WrittenConfig>;

/** @param host the registry's name, as images carry it. */
export const setStage = async (sandbox: Sandbox, host: string): Promise<Stage> => {
  const image = `${host}/team/demo`;
  const gateway = await runDemo(sandbox, image);
  const visitors = startVisitors(gateway, 50);
  const pushed: { image: string; tag: string; digest: string }[] = [];

  const push = (name: string, tag: string, env: Readonly<Record<string, string>>): string => {
    const digest = sandbox.registry.push(name, tag, { env: { VERSION: tag, ...env } });
    pushed.push({ image: name, tag, digest });
    return digest;
  };
  const visitorsByVersion = () => {
    const { versions, lost } = visitors.felt();
    return { versions: Object.fromEntries(Object.entries(versions).map(([version, statuses]) => [version, { ...statuses }])), lost };
  };
  return {
    sandbox,
    gateway,
    image,
    visitors,
    push: (tag, env = {}) => void push(image, tag, env),
    routes: {
      traffic: () => Promise.resolve({ gateway, ...visitorsByVersion(), registry: pushed }),
      push: (name, tag, env) => Promise.resolve({ digest: push(name, tag, env) }),
    },
    async close() {
      await visitors.stop();
      await sandbox.close();
    },
  };
};
