/** One run of a function, which may be killed or frozen in the middle of anything. */
export interface Invocation {
  readonly n: number;
  /** What it was called for: the id of a message, or `tick`. */
  readonly what: string;
  /** How far its clock is off. */
  readonly skewMs: number;
  /** From now on nothing of it ever happens again. */
  kill(): void;
  /** Nothing of it happens until it is thawed. */
  freeze(): void;
  thaw(): void;
  /** Resolves while it runs, later when it is frozen, never when it is dead. */
  running(): Promise<void>;
  /** Resolves when it stops in the middle: whoever waits for its answer waits in vain. */
  readonly stopped: Promise<'killed' | 'frozen'>;
  /** What it had to do with its input is in the store. */
  keepsWhatItTook(): void;
  readonly kept: () => boolean;
  /** Settles when it has done all it was called for, however long it was frozen. */
  readonly ended: Promise<unknown>;
  ends(how: Promise<unknown>): void;
}

const never = new Promise<never>(() => undefined);

export const beginInvocation = (n: number, what: string, skewMs: number): Invocation => {
  const stopped = Promise.withResolvers<'killed' | 'frozen'>();
  const ended = Promise.withResolvers<unknown>();
  let ice: PromiseWithResolvers<void> | undefined;
  let dead = false;
  let kept = false;
  return {
    n,
    what,
    skewMs,
    kill() {
      dead = true;
      stopped.resolve('killed');
    },
    freeze() {
      ice = Promise.withResolvers();
      stopped.resolve('frozen');
    },
    thaw: () => ice?.resolve(),
    async running() {
      if (dead) await never;
      await ice?.promise;
    },
    stopped: stopped.promise,
    keepsWhatItTook: () => void (kept = true),
    kept: () => kept,
    ended: ended.promise,
    ends: (how) => ended.resolve(how),
  };
};
