import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../clock.ts';
import type { Commits } from '../sqlite/commits.ts';
import { number, optionalNumber, text } from '../sqlite/rows.ts';
import { arrivals } from './arrivals.ts';
import type { ArrivalQueue, Delivery, Message } from './port.ts';
import { beginningOf } from './raw-text.ts';
import { sqliteDeadLetters } from './sqlite-dead-letters.ts';

/** The group that a message excludes others by: none in the urgent lane. */
const exclusive = ({ lane, group }: Message): string | null => (lane === 'normal' ? (group ?? null) : null);

/** A receipt names the message and which of its receipts it is, so that an older one fits no more. */
const receiptOf = (message: number, attempts: number): string => `${message}/${attempts}`;
const parseReceipt = (receipt: string): readonly [message: number, attempts: number] => {
  const match = /^(\d+)\/(\d+)$/.exec(receipt);
  if (match === null) throw new Error(`receipt "${receipt}": not of this queue, must be <number>/<number>`);
  return [Number(match[1]), Number(match[2])];
};

/**
 * The queue on an open database; `onClose` runs once, at its first `close`. After that every call rejects.
 * Messages come in the order in which they became visible; dead letters newest first.
 */
export const sqliteQueue = (db: DatabaseSync, commits: Commits, clock: Clock, onClose: () => void): ArrivalQueue => {
  const insert = db.prepare(
    `INSERT INTO messages (lane, id, exclusive, visible_at, message) VALUES (?, ?, ?, ?, ?) ON CONFLICT (lane, id) DO NOTHING`,
  );
  const take = db.prepare(
    `UPDATE messages SET held = 1, attempts = attempts + 1, visible_at = :until WHERE number = (
       SELECT m.number FROM messages AS m
       WHERE m.lane = :lane AND m.visible_at <= :now AND NOT EXISTS (
         SELECT 1 FROM messages AS o WHERE o.exclusive = m.exclusive AND o.held = 1 AND o.visible_at > :now)
       ORDER BY m.visible_at, m.number LIMIT 1)
     RETURNING number, attempts, message`,
  );
  const remove = db.prepare('DELETE FROM messages WHERE number = ? AND attempts = ? AND held = 1 RETURNING message');
  const letGo = db.prepare('UPDATE messages SET held = 0, visible_at = ? WHERE number = ? AND attempts = ? AND held = 1');
  const visible = db.prepare('SELECT 1 FROM messages WHERE lane = ? AND visible_at <= ? LIMIT 1');
  const next = db.prepare('SELECT min(visible_at) AS at FROM messages WHERE lane = ? AND visible_at > ?');
  const backlog = db.prepare('SELECT count(*) AS waiting, min(visible_at) AS since FROM messages WHERE visible_at <= ?');
  const lanes = ['urgent', 'normal'] as const;

  const dead = sqliteDeadLetters(db);
  const listeners = arrivals(clock, {
    anyVisible: (now) => lanes.some((lane) => visible.get(lane, now) !== undefined),
    nextVisible: (now) => {
      const times = lanes.map((lane) => optionalNumber(next.get(lane, now), 'at')).filter((at) => at !== undefined);
      return times.length === 0 ? undefined : Math.min(...times);
    },
  });

  let closed = false;
  const assertOpen = (): void => {
    if (closed) throw new Error('queue: it is closed; nothing can be sent or received any more');
  };
  /** The end of a delivery may be what the others of its group were waiting for. */
  const freed = (delivery: Delivery): void => {
    if (exclusive(delivery.message) !== null) listeners.now();
  };

  return {
    send: async (messages, delayMs = 0) => {
      assertOpen();
      if (messages.length === 0) return;
      const rows = messages.map((message) => ({ lane: message.lane, id: message.id, exclusive: exclusive(message), json: JSON.stringify(message) }));
      const visibleAt = await commits.write(() => {
        const at = clock.now() + delayMs;
        for (const row of rows) insert.run(row.lane, row.id, row.exclusive, at, row.json);
        return at;
      });
      if (delayMs > 0) listeners.hidden(visibleAt);
      else listeners.now();
    },

    receive: async (lane, max, visibilityMs) => {
      assertOpen();
      if (!(visibilityMs > 0)) throw new Error(`receive: visibilityMs is ${visibilityMs}, must be above 0`);
      const { until, deliveries } = await commits.write(() => {
        const now = clock.now();
        const until = now + visibilityMs;
        const deliveries: Delivery[] = [];
        // One by one, because each one taken excludes others of its group.
        while (deliveries.length < max) {
          const row = take.get({ lane, now, until });
          if (row === undefined) break;
          const attempts = number(row, 'attempts');
          deliveries.push({
            receipt: receiptOf(number(row, 'number'), attempts),
            message: JSON.parse(text(row, 'message')) as Message,
            attempts,
          });
        }
        return { until, deliveries };
      });
      if (deliveries.length > 0) listeners.hidden(until);
      return deliveries;
    },

    acknowledge: async (delivery) => {
      assertOpen();
      const receipt = parseReceipt(delivery.receipt);
      const removed = await commits.write(() => remove.get(...receipt) !== undefined);
      if (removed) freed(delivery);
    },

    release: async (delivery, delayMs) => {
      assertOpen();
      const receipt = parseReceipt(delivery.receipt);
      const visibleAt = await commits.write(() => {
        const at = clock.now() + delayMs;
        return letGo.run(at, ...receipt).changes > 0 ? at : undefined;
      });
      if (visibleAt === undefined) return;
      if (delayMs > 0) listeners.hidden(visibleAt);
      else listeners.now();
      freed(delivery);
    },

    bury: async (delivery, reason) => {
      assertOpen();
      const receipt = parseReceipt(delivery.receipt);
      const buried = await commits.write(() => {
        const row = remove.get(...receipt);
        if (row !== undefined) dead.bury(clock.now(), reason, text(row, 'message'));
        return row !== undefined;
      });
      if (buried) freed(delivery);
    },

    park: async (raw, source, reason) => {
      assertOpen();
      const kept = beginningOf(raw);
      await commits.write(() => dead.park(clock.now(), reason, kept, source));
    },

    deadLetters: async (limit) => {
      assertOpen();
      return dead.newest(limit);
    },

    redrive: async (id) => {
      assertOpen();
      const sent = await commits.write(() => {
        const message = dead.takeMessage(id);
        if (message !== undefined) insert.run(message.lane, message.id, exclusive(message), clock.now(), JSON.stringify(message));
        return message !== undefined;
      });
      if (sent) listeners.now();
      return sent;
    },

    backlog: async () => {
      assertOpen();
      const row = backlog.get(clock.now());
      const since = optionalNumber(row, 'since');
      return { waiting: row === undefined ? 0 : number(row, 'waiting'), ...(since === undefined ? {} : { since }), dead: dead.count() };
    },

    onArrival: (listener, signal) => {
      assertOpen();
      listeners.listen(listener, signal);
    },

    close: async () => {
      if (closed) return;
      closed = true;
      listeners.close();
      onClose();
    },
  };
};
