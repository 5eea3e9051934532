import type { KubeObject } from '../cluster/port.ts';
import { shortHash } from './digest.ts';

const prefix = 'sluice.dev/';

/** Kubernetes allows 63 characters after the slash of an annotation's name. */
const longestName = 63;
const stampEnd = '-write';
const hashLength = 10;

/** Who writes: the rollout names the annotations, the release is the value of the mark. */
export interface Marks {
  readonly rollout: string;
  readonly release: string;
}

const stemOf = (rollout: string): string => {
  const room = longestName - stampEnd.length;
  return rollout.length <= room ? rollout : `${rollout.slice(0, room - hashLength - 1)}-${shortHash(rollout, hashLength)}`;
};

/** Annotation that names the release whose entries are on the object. Long names end in a hash, the same each time. */
export const markName = (rollout: string): string => `${prefix}${stemOf(rollout)}`;

/** Annotation that each of our writes gives a new value, so that no write of ours leaves the object as it was. */
export const stampName = (rollout: string): string => `${prefix}${stemOf(rollout)}${stampEnd}`;

/** JSON pointer of an annotation. */
export const pointerOf = (name: string): string => `/metadata/annotations/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** Why this object is in the hands of another release of the same rollout, or undefined when it is not. */
export const otherRelease = (object: KubeObject, marks: Marks): string | undefined => {
  const name = markName(marks.rollout);
  const value = object.metadata.annotations?.[name];
  return value === undefined || value === marks.release
    ? undefined
    : `annotation ${name} says that release ${value} holds it; allowed is ${marks.release} or no such annotation`;
};

/** Why this object is in the hands of anybody else who uses marks, or undefined when it is not. */
export const otherMark = (object: KubeObject, marks: Marks): string | undefined => {
  const own = [markName(marks.rollout), stampName(marks.rollout)];
  const other = Object.entries(object.metadata.annotations ?? {}).find(([name]) => name.startsWith(prefix) && !own.includes(name));
  return (
    otherRelease(object, marks) ??
    (other === undefined ? undefined : `annotation ${other[0]} says that ${other[1]} holds it; allowed are objects that nobody else holds`)
  );
};
