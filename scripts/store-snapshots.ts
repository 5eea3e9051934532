import { writeFileSync } from 'node:fs';
import { collectSnapshots, storedPath } from '../test/model/stored.ts';

/** Stores a document of every state that the machines of this version can be in. Run it once for each new machine version. */
for (const stored of collectSnapshots()) {
  const lines = stored.documents.map((document) => `    ${JSON.stringify(document)}`).join(',\n');
  writeFileSync(storedPath(stored.machine), `{\n  "machine": ${JSON.stringify(stored.machine)},\n  "definitions": ${JSON.stringify(stored.definitions)},\n  "documents": [\n${lines}\n  ]\n}\n`);
  process.stdout.write(`${stored.machine}: ${stored.documents.length} states stored\n`);
}
