import type { DocumentId } from '../../events/input.ts';
import type { Ports } from '../../infra/ports.ts';
import type { Secrets } from '../../infra/secrets/port.ts';
import type { Config } from '../config.ts';

/** What the HTTP routes are served from. */
export interface Served {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly ports: Ports;
  /** Calls back whenever this process saved a document; the disposer ends it. Absent where nothing runs between requests. */
  readonly onSaved?: (listener: (document: DocumentId) => void) => () => void;
  readonly sandbox?: SandboxRoutes;
}

/** The little that webhooks need, so that the function which takes them carries no store and no cluster. */
export interface HookServed extends Pick<Served, 'config' | 'secrets'> {
  readonly ports: Pick<Ports, 'queue' | 'clock' | 'tracing'>;
}

/** What only the sandbox can tell and do. */
export interface SandboxRoutes {
  traffic(): Promise<{ gateway: string; versions: Record<string, Record<string, number>>; lost: number; registry: { image: string; tag: string; digest: string }[] }>;
  push(image: string, tag: string, env: Readonly<Record<string, string>>): Promise<{ digest: string }>;
}
