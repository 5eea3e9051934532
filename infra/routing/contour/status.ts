import type { KubeObject } from '../../cluster/port.ts';
import { saidUnder } from '../conditions.ts';
import type { Said } from '../conditions.ts';
import type { Verified } from '../port.ts';
import { fieldOf, listAt, textOf } from '../split/layout.ts';

interface Finding extends Said {
  readonly generation: number;
}

/** The errors stand beside the message of the condition, which only says that there are some. */
const findingOf = (object: KubeObject): Finding => {
  const generation = object.metadata.generation ?? 0;
  const conditions = fieldOf(object['status'], 'conditions');
  const valid = listAt(conditions).find((one) => fieldOf(one, 'type') === 'Valid');
  const errors = listAt(fieldOf(valid, 'errors')).map((error) => `${textOf(fieldOf(error, 'reason'), '')}: ${textOf(fieldOf(error, 'message'), '')}`);
  const found = saidUnder(conditions, 'Valid', generation);
  return { ...found, generation, sentence: errors.length === 0 ? found.sentence : `${found.sentence}: ${errors.join('; ')}` };
};

/** What keeps Contour from taking this object as it is now, if it has said so. An invalid one is served in part, and not as written. */
export const rejected = (object: KubeObject): string | undefined => {
  const { fresh, good, sentence } = findingOf(object);
  return fresh && !good ? `Contour says ${sentence}` : undefined;
};

/** Contour must have found this generation valid. On the way back it is enough that it has seen it: what is wrong then is the user's own. */
export const takenByContour = (object: KubeObject, back: boolean): Verified => {
  const { fresh, good, sentence, observed, generation } = findingOf(object);
  if (!fresh) return { state: 'notYet', reason: `Contour has condition Valid of generation ${observed}, the object is at ${generation}` };
  return good || back ? { state: 'inEffect' } : { state: 'notYet', reason: `Contour says ${sentence}` };
};
