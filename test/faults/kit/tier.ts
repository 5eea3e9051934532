import type { ManualClock } from '../../../infra/cluster/sandbox/manual-clock.ts';
import type { Clock } from '../../../infra/clock.ts';
import type { Ports } from '../../../infra/ports.ts';
import type { Body, Message, Queue } from '../../../infra/queue/port.ts';
import type { Store } from '../../../infra/store/port.ts';

/** One message that a function has in hand. */
export interface Taken {
  readonly id: string;
  /** Undefined where it is no message of ours. */
  readonly body: Body | undefined;
  /** What the functions of this tier do with it. False: it was not done, and comes again. */
  handle(ports: Ports): Promise<boolean>;
  /** Takes it out of the queue, whoever has it in hand. */
  remove(): Promise<void>;
}

/** A request beneath the ports, to be passed on. */
export type Request = <T>(operation: string, about: string, inner: () => Promise<T>) => Promise<T>;

/** Store and queue of one world. Their time is the world's clock. */
export interface Backing {
  readonly store: Store;
  readonly queue: Queue;
  /** The store as a function of its own reaches it; the same where all functions are one process. */
  storeOf(request: Request, clock: Clock): Store;
  /** The next message of the lane, hidden from others as long as the tier says. */
  take(lane: Message['lane']): Promise<Taken | undefined>;
  /** A text that is no message of ours, where anybody else can send one. */
  readonly sendText?: (text: string, lane: Message['lane']) => Promise<void>;
  /** A new process begins where the old one was killed; absent where functions have none of their own. */
  readonly restart?: () => Promise<void>;
  close(): Promise<void>;
}

/** One way to run Sluice: which store and queue stand behind the same functions. */
export interface Tier {
  readonly name: 'embedded' | 'aws';
  /** How long a message is hidden from others once somebody has it. */
  readonly visibilityMs: number;
  /** The queue hides messages for multiples of this, rounded up. */
  readonly grainMs: number;
  /** How often the tick comes; 0 where somebody sleeps until exactly what is due. */
  readonly tickEveryMs: number;
  open(clock: ManualClock): Promise<Backing>;
}
