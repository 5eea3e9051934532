import type { Announcement, DocumentId, Input } from '../../events/input.ts';
import { isAmong } from '../../statemachines/definition/names.ts';
import type { RolloutContext } from '../../statemachines/rollout/machine.ts';
import type { Message } from '../queue/port.ts';
import type { Store } from '../store/port.ts';

/**
 * Turns a fact whose sender knows no documents into one input for each it concerns, by the store's index. The ids follow from the
 * announcement, so doing it twice does it once.
 */
export const resolveAnnouncement = async (store: Store, announcement: Announcement): Promise<readonly Message[]> => {
  const { fact } = announcement;
  const meant = (document: DocumentId): boolean => {
    const [, namespace = '', name = ''] = document.split('/');
    return isAmong(announcement.rollouts, { namespace, name });
  };
  if (fact.type === 'image.pushed') return (await store.lookup(`image:${fact.image}`)).filter(meant).map((document) => message(announcement, document, document));
  const keys = Object.entries(fact.labels).map(([label, value]) => `label:${label}=${value}`);
  const found = await Promise.all(keys.map((key) => store.lookup(key)));
  const messages: Message[] = [];
  for (const rollout of new Set(found.flat().filter(meant))) {
    const active = await activeRelease(store, rollout);
    // The release hears of it at once; its rollout will tell it again, under the same id, in case it was only just created.
    if (active !== undefined) messages.push(message(announcement, active, rollout));
    messages.push(message(announcement, rollout, rollout));
  }
  return messages;
};

const message = ({ id, fact, receivedAt, source, trace }: Announcement, document: DocumentId, named: DocumentId): Message => {
  const urgent = fact.type === 'alert';
  const input: Input = { id: `${id}/${named}`, document, event: { ...fact }, receivedAt, by: source, ...(urgent ? { urgent } : {}), ...(trace === undefined ? {} : { trace }) };
  return { id: `${input.id}>${document}`, lane: urgent ? 'urgent' : 'normal', group: document, body: { type: 'input', input } };
};

/** The release that runs for a rollout now. */
const activeRelease = async (store: Store, rollout: DocumentId): Promise<DocumentId | undefined> => {
  const document = await store.load(rollout);
  const { active } = (document?.snapshot.context ?? {}) as Partial<RolloutContext>;
  return active === undefined ? undefined : rollout.replace(/^rollout\//, 'release/') + `/${active.n}`;
};
